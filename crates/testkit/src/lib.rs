//! sse-gateway-testkit
