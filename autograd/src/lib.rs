//! Symbolic reverse-mode automatic differentiation: one computation graph, many readings.
