//! Builds messages from simple values, for a gatekeeper, an endpoint or a test.
//!
//! Each builder is a plain struct with public fields and `Default`; `message` returns the ASN.1 value, where a caller
//! may set fields that the builder lacks, and `encode` the octets. Fields that the standard made mandatory after
//! version 1 (keepAlive, willSupplyUUIEs, ...) are always sent.

use std::net::SocketAddr;

use rasn::types::ObjectIdentifier;

use crate::EncodeError;
use crate::text::{to_bmp, to_ia5, to_transport};
use crate::types::{
    AliasAddress, AlternateGk, ClearToken, EndpointType, H221NonStandard, List, TerminalInfo,
    TransportAddress, VendorIdentifier,
};
use crate::view::Alternate;

mod discovery;
mod registration;
mod single;
mod unregistration;

pub use discovery::{Gcf, Grq};
pub use registration::{Rcf, Rrj, Rrq};
pub use single::{rip, xrs};
pub use unregistration::{Urq, ucf, urj};

pub use crate::types::protocol_identifier;

/// Implements `encode` for a builder.
macro_rules! encode {
    ($($builder:ident)*) => { $(
        impl $builder {
            /// Encodes the message.
            ///
            /// # Errors
            /// When a value breaks a constraint of the standard (an identifier of more than 128 characters, ...).
            pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
                crate::encode_ras(&self.message()?)
            }
        }
    )* };
}
encode!(Grq Gcf Rrq Rcf Rrj Urq);

/// `None` for an empty list, since an empty OPTIONAL list is omitted.
fn listed<T>(list: List<T>) -> Option<List<T>> {
    (!list.is_empty()).then_some(list)
}

fn addresses(list: &[SocketAddr]) -> List<TransportAddress> {
    list.iter().copied().map(to_transport).collect()
}

/// Digits become dialedDigits, `scheme:...` a URL, everything else an h323-ID.
///
/// # Errors
/// When the text is empty, too long, or has a character that is invalid in its kind of alias.
pub fn alias(text: &str) -> Result<AliasAddress, EncodeError> {
    if !text.is_empty()
        && text
            .bytes()
            .all(|octet| octet.is_ascii_digit() || b"#*,".contains(&octet))
    {
        return Ok(AliasAddress::DialedDigits(to_ia5(text)?));
    }
    if ["h323:", "sip:", "tel:", "http:", "https:"]
        .iter()
        .any(|scheme| text.starts_with(scheme))
    {
        return Ok(AliasAddress::UrlId(to_ia5(text)?));
    }
    Ok(AliasAddress::H323Id(to_bmp(text)?))
}

fn aliases(list: &[String]) -> Result<Option<List<AliasAddress>>, EncodeError> {
    Ok(listed(
        list.iter()
            .map(|text| alias(text))
            .collect::<Result<_, _>>()?,
    ))
}

fn identifier(text: Option<&String>) -> Result<Option<rasn::types::BmpString>, EncodeError> {
    text.map(|text| to_bmp(text)).transpose()
}

fn alternate_list(list: &[Alternate]) -> Result<List<AlternateGk>, EncodeError> {
    list.iter()
        .map(|one| {
            Ok(AlternateGk {
                ras_address: to_transport(one.address),
                gatekeeper_identifier: identifier(one.gatekeeper_identifier.as_ref())?,
                need_to_register: one.need_to_register,
                priority: one.priority,
            })
        })
        .collect()
}

/// A clear token (H.235.0) with only a time stamp, which is enough to make a message secured.
fn tokens(wanted: bool) -> Option<List<ClearToken>> {
    wanted.then(|| {
        // {itu-t recommendation h 235 version 3 21}: the token of H.235.1.
        let oid = ObjectIdentifier::new_unchecked(vec![0, 0, 8, 235, 0, 3, 21].into());
        List::from([ClearToken {
            time_stamp: Some(1_700_000_000),
            ..ClearToken::new(oid)
        }])
    })
}

/// T.35 country 181 (0xb5), manufacturer 18, and product and version if given.
fn vendor(product: Option<&(String, String)>) -> VendorIdentifier {
    VendorIdentifier {
        vendor: H221NonStandard {
            t35_country_code: 0xb5,
            t35_extension: 0,
            manufacturer_code: 18,
        },
        product_id: product.map(|(name, _)| name.clone().into_bytes().into()),
        version_id: product.map(|(_, version)| version.clone().into_bytes().into()),
        enterprise_number: None,
    }
}

/// A terminal of this product, or, without a product, with the minimum that the standard allows.
#[must_use]
pub fn endpoint_type(product: Option<&(String, String)>) -> EndpointType {
    EndpointType {
        non_standard_data: None,
        vendor: product.map(|product| vendor(Some(product))),
        gatekeeper: None,
        gateway: None,
        mcu: None,
        terminal: product.map(|_| TerminalInfo {
            non_standard_data: None,
        }),
        mc: false,
        undefined_node: false,
        set: None,
        supported_tunnelled_protocols: None,
    }
}
