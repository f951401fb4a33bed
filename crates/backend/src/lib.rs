//! sse-gateway-backend
