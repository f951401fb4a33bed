//! Reads parameters of tasks, and delays of all kinds.

use std::time::Duration;

use axum::http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::reply::ApiError;

/// The longest a task may be told to wait at once.
const DELAY_SECONDS_MAX: f64 = 3600.0;

/// Reads the parameters of a task; absent or `null` counts as `{}`.
pub(super) fn read<P: DeserializeOwned>(params: Option<Value>) -> Result<P, ApiError> {
    let params = params.filter(|params| !params.is_null()).unwrap_or_else(|| Map::new().into());
    if !params.is_object() {
        return Err(invalid("params must be an object"));
    }
    serde_json::from_value(params).map_err(|error| invalid(format!("params: {error}")))
}

/// Reads a number of seconds.
pub(crate) fn delay(seconds: f64) -> Result<Duration, ApiError> {
    // Not a number is in no range.
    if (0.0..=DELAY_SECONDS_MAX).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err(invalid(format!("params: delay must be a number of seconds from 0 to {DELAY_SECONDS_MAX}")))
    }
}

/// 400 for parameters that the task does not take.
pub(super) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "INVALID_PARAMS", message.into())
}
