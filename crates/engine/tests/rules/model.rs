//! All rules at once: random commands against a naive model.
