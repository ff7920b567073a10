//! What executors, challengers and requesters share.
