//! Requests, responses, feeds and signed messages: what decodes has one encoding, and nothing panics.
#![no_main]

use borsh::{BorshDeserialize, BorshSerialize};
use gainsay_network::FeedItem;
use gainsay_network::api::{Request, Response};
use gainsay_network::frame::{What, decode};
use gainsay_protocol::Signed;
use libfuzzer_sys::fuzz_target;

fn canonical<T: BorshDeserialize + BorshSerialize>(bytes: &[u8], what: What) {
    if let Ok(value) = decode::<T>(bytes, what) {
        assert_eq!(borsh::to_vec(&value).unwrap(), bytes, "two encodings of one value");
    }
}

fuzz_target!(|bytes: &[u8]| {
    canonical::<Request>(bytes, What::Request);
    canonical::<Response>(bytes, What::Response);
    canonical::<FeedItem>(bytes, What::FeedMessage);
    if let Ok(signed) = Signed::from_bytes(bytes) {
        assert_eq!(signed.to_bytes().unwrap(), bytes, "two encodings of one message");
        let (network, blobs) = (signed.network, signed.message.required_blobs());
        if let Ok(verified) = signed.verify(network) {
            assert_eq!(verified.ready(&Default::default()).is_ok(), blobs.is_empty());
        }
    }
});
