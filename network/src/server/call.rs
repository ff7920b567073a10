//! Requests: one per stream, answered by the service.

use borsh::BorshSerialize;

use super::connection::{Exchange, Failure, RECEIVING};
use crate::frame::{self, FrameError, What};
use crate::service::{Blobs, Feed, Service};
use crate::stream::within;
use crate::wire::{Rejection, Reply};

/// Reads the request, has it answered, and sends the answer.
pub(super) async fn serve<S: Service, B: Blobs, F: Feed>(
    exchange: &mut Exchange<S, B, F>,
) -> Result<(), Failure> {
    let shared = exchange.shared.clone();
    let limit_bytes = shared.limits.frame_bytes;
    let request = async {
        let request = exchange.reader.require::<S::Request>(limit_bytes, What::Request).await?;
        exchange.reader.end().await?;
        Ok(request)
    };
    let request = within(shared.limits.receive, RECEIVING, request).await?;
    let peer = exchange.peer;
    let slot = shared.quotas.call(peer)?;
    let answered = exchange.carry_through(async move {
        let response = shared.service.call(peer, request).await;
        drop(slot);
        encode(response, shared.limits.answer_bytes)
    });
    let encoded = answered.await?.map_err(Rejection::Unsendable)?;
    Ok(exchange.writer.frames(&encoded, 1).await?)
}

fn encode<T: BorshSerialize>(response: T, limit_bytes: u32) -> Result<Vec<u8>, FrameError> {
    let mut out = Vec::new();
    frame::encode(&Reply::Done(response), limit_bytes, &mut out)?;
    Ok(out)
}
