//! Stores: one suite for every database.

mod conformance;
mod sqlite;
mod world;
