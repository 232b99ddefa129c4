//! Local names: immutable zones and the pure `answer`.
