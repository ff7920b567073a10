//! A whole arbiter in this process, talked to over loopback QUIC.

mod disputes;
mod http;
mod refusals;
mod restart;
mod world;
