//! When gratuitous frames go out: at once, spaced past the one-second lock time, then refreshed.
