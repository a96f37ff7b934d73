//! The load generator's half of HTTP/1.1: one connection, one request at a time.
//!
//! It shares the machine with what it measures, so it does no more than it must: a request is one
//! write, and of an answer it reads the status and the length.

use std::{
    io::{self, Write},
    net::SocketAddr,
};

use anyhow::{Context, bail};
use tokio::net::TcpStream;

/// The longest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// A connection that is kept.
pub(crate) struct Client {
    stream: TcpStream,
    host: SocketAddr,
    /// What the caller shows to be somebody.
    key: String,
    sending: Vec<u8>,
    received: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(host: SocketAddr, key: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(host).await?;
        stream.set_nodelay(true)?;
        let (sending, received) = (Vec::new(), Vec::new());
        Ok(Self { stream, host, key: key.to_owned(), sending, received })
    }

    /// Gives a command under an idempotency key. What is not answered 200 is an error of the
    /// inner kind: the body of the answer.
    pub(crate) async fn command(
        &mut self,
        path: &str,
        idempotency_key: &str,
        body: &str,
    ) -> anyhow::Result<Result<(), String>> {
        let Self { sending, host, key, .. } = &mut *self;
        sending.clear();
        write!(
            sending,
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n\
             Idempotency-Key: {idempotency_key}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        self.send().await?;
        let (head, end) = self.receive().await?;
        let answer = if self.received.starts_with(b"HTTP/1.1 200 ") {
            Ok(())
        } else {
            Err(String::from_utf8_lossy(&self.received[head..end]).into_owned())
        };
        self.received.drain(..end);
        Ok(answer)
    }

    async fn send(&self) -> io::Result<()> {
        let mut rest = &self.sending[..];
        while !rest.is_empty() {
            match self.stream.try_write(rest) {
                Ok(sent) => rest = &rest[sent..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.stream.writable().await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads one answer: where its head ends, and where its body does.
    async fn receive(&mut self) -> anyhow::Result<(usize, usize)> {
        loop {
            if let Some(head) = head_len(&self.received) {
                let body = content_length(&self.received[..head])?;
                if self.received.len() >= head + body {
                    return Ok((head, head + body));
                }
            }
            if self.received.len() > ANSWER_BYTES_MAX {
                bail!("an answer of more than {ANSWER_BYTES_MAX} bytes");
            }
            self.stream.readable().await?;
            let mut bytes = [0; 4_096];
            match self.stream.try_read(&mut bytes) {
                Ok(0) => bail!("the server closed the connection"),
                Ok(read) => self.received.extend_from_slice(&bytes[..read]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// The bytes of the status line and the headers, once they are there.
fn head_len(received: &[u8]) -> Option<usize> {
    const END: &[u8] = b"\r\n\r\n";
    received.windows(END.len()).position(|it| it == END).map(|at| at + END.len())
}

fn content_length(head: &[u8]) -> anyhow::Result<usize> {
    let head = std::str::from_utf8(head)?;
    let mut headers = head.lines().filter_map(|line| line.split_once(": "));
    let length = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let (_, length) = length.context("an answer without a length")?;
    Ok(length.parse()?)
}
