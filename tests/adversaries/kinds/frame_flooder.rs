//! Floods the listener: packets, connections, calls, large frames, uploads that never end.

use std::net::UdpSocket;
use std::pin::Pin;
use std::task::{Context, Poll};

use gainsay_commitment::{Digest, content};
use gainsay_network::Client;
use gainsay_network::api::{Request, Response};
use gainsay_protocol::{Dissection, Message, MessageId};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::task::JoinSet;

use super::{Adversary, Play, Role};
use crate::world::{Ground, World};

/// See the module.
pub struct FrameFlooder;

/// Connections that it tries to hold.
const CONNECTIONS: usize = 110;

/// Calls at a time on one of them.
const CALLS: usize = 40;

/// Some bytes, and then silence for ever.
struct Dribble(usize);

impl AsyncRead for Dribble {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if self.0 == 0 {
            return Poll::Pending;
        }
        let count = self.0.min(buffer.remaining());
        buffer.put_slice(&vec![9; count]);
        self.0 -= count;
        Poll::Ready(Ok(()))
    }
}

/// Datagrams that are no QUIC, and some that begin like it.
fn noise(world: &World) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut bytes = vec![0; 1_200];
    for number in 0..2_000u64 {
        let mut source = number_of(world.seed ^ number);
        for byte in &mut bytes {
            source = source.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (source >> 56) as u8;
        }
        if number % 2 == 0 {
            bytes[..5].copy_from_slice(&[0xc0, 0, 0, 0, 1]);
        }
        let _ = socket.send_to(&bytes, world.arbiter.local_addr());
    }
}

fn number_of(number: u64) -> u64 {
    let digest = content(&number.to_le_bytes()).0;
    u64::from_le_bytes(digest[..8].try_into().unwrap())
}

/// A message of nearly the largest frame that there is, well signed and about nothing.
fn large(world: &World, number: u64) -> Message {
    let nothing = content(&number.to_le_bytes());
    let node = gainsay_commitment::NodeId::leaf(0);
    let claim = gainsay_protocol::ClaimId(MessageId(nothing));
    let children = vec![Digest(world.arbiter.key().as_bytes().to_owned()); 32_000];
    Message::Dissection(Dissection { claim, root: nothing, node, children })
}

impl Adversary for FrameFlooder {
    fn name(&self) -> &'static str {
        "frame-flooder"
    }

    fn role(&self) -> Role {
        Role::Line
    }

    fn tries(&self) -> &'static str {
        "sends noise, opens all the connections it can, asks too much at once, sends megabyte frames and endless uploads"
    }

    fn stopped_by(&self) -> &'static str {
        "quotas per key and address, sizes checked before anything is reserved, and a reserved way in for keys with a stake"
    }

    fn play<'a>(&'a self, world: &'a World) -> Play<'a> {
        Box::pin(async move {
            let witness = world.hostile(self.name()).await;
            let mut held: Vec<Client> = Vec::new();
            let mut refused = 0;
            noise(world);
            for _ in 0..CONNECTIONS {
                match world.dial(&world.pauper()).await {
                    Ok(client) => held.push(client),
                    Err(_) => refused += 1,
                }
            }
            assert!(refused > 0 && !held.is_empty(), "{refused} refused, {} held", held.len());
            let victim = world.order(Ground::Common).await;
            let mut flood = JoinSet::new();
            for (number, client) in held.iter().enumerate().take(4) {
                let client = client.clone();
                let keypair = world.pauper();
                let message = large(world, number as u64);
                let signed =
                    gainsay_protocol::Signed::new(&keypair, world.params.network(), message);
                flood.spawn(async move {
                    let mut answers = JoinSet::new();
                    for call in 0..CALLS {
                        let (client, signed) = (client.clone(), signed.clone());
                        answers.spawn(async move {
                            let request = match call % 10 {
                                0 => Request::Submit(Box::new(signed)),
                                1 => Request::MissingBlobs(vec![Digest([1; 32]); 30_000]),
                                _ => Request::LiveJobs { after: None },
                            };
                            client.call::<Request, Response>(&request).await.is_ok()
                        });
                    }
                    answers.join_all().await.into_iter().filter(|ok| *ok).count()
                });
            }
            // Uploads that are announced and never come.
            let mut half_open = JoinSet::new();
            for client in held.iter().skip(8).take(8) {
                for number in 0..6u8 {
                    let client = client.clone();
                    half_open.spawn(async move {
                        let (name, size) = (Digest([number; 32]), 1 << 29);
                        client.put_blob(name, size, &mut Dribble(70_000)).await.is_ok()
                    });
                }
            }
            flood.join_all().await;
            // With all that held open, what is asked meanwhile is answered.
            let ended = witness.person.until(victim, |job| job.is_terminal()).await;
            assert_eq!(ended.phase, gainsay_protocol::JobPhase::Final);
            half_open.shutdown().await;
            drop(held);
        })
    }
}
