//! sse-gateway
