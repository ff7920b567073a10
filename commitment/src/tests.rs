//! Tests of the commitments.
