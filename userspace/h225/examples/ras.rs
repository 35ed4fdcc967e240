//! Reads RAS messages in hex, one per line, from standard input; prints what each is and how it encodes again.
//!
//!     cargo run -p rasline-h225 --example ras < tests/vectors/samples.txt

use std::fmt::Write as _;
use std::io::{BufRead as _, Result};

use rasline_h225::{decode_ras, encode_ras};

fn main() -> Result<()> {
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let digits: Vec<u32> = line
            .chars()
            .filter_map(|digit| digit.to_digit(16))
            .collect();
        let bytes: Vec<u8> = digits
            .chunks_exact(2)
            .map(|pair| (pair[0] * 16 + pair[1]) as u8)
            .collect();
        match decode_ras(&bytes) {
            Ok(message) => match encode_ras(&message) {
                Ok(again) => println!(
                    "{} {} {}",
                    message.kind(),
                    message.request_seq_num(),
                    hex(&again)
                ),
                Err(error) => println!(
                    "{} {} error: {error}",
                    message.kind(),
                    message.request_seq_num()
                ),
            },
            Err(error) => println!("error: {error}"),
        }
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}
