//! `#[derive(Minimal)]`: the constructor `new` of a SEQUENCE, which takes what is mandatory.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Data, DeriveInput, Field, Fields, Ident, Type};

/// Derives `new`. It sets OPTIONAL components to `None`, flags to FALSE, lists to empty, protocolIdentifier to ours, and
/// a component marked `#[minimal(value)]` to that value; each other component is an argument, in the order of the type,
/// requestSeqNum under the name `seq`.
#[proc_macro_derive(Minimal, attributes(minimal))]
pub fn derive_minimal(item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    syn::parse(item)
        .and_then(|item| constructor(&item))
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}

fn constructor(item: &DeriveInput) -> syn::Result<TokenStream> {
    let Data::Struct(data) = &item.data else {
        return Err(syn::Error::new_spanned(item, "a SEQUENCE is a struct"));
    };
    let Fields::Named(fields) = &data.fields else {
        return Err(syn::Error::new_spanned(item, "components have names"));
    };
    let (mut arguments, mut values) = (Vec::new(), Vec::new());
    for field in &fields.named {
        let Some(name) = &field.ident else { continue };
        let value = if let Some(value) = value_of(name, field)? {
            value
        } else {
            let argument = argument_of(name);
            let kind = &field.ty;
            arguments.push(quote!(#argument: #kind));
            quote!(#argument)
        };
        values.push(quote!(#name: #value));
    }
    let name = &item.ident;
    Ok(quote! {
        impl #name {
            /// A value with mandatory components only; lists are empty, flags FALSE.
            #[must_use]
            pub fn new(#(#arguments),*) -> Self {
                Self { #(#values),* }
            }
        }
    })
}

/// The value of a component that is no argument.
fn value_of(name: &Ident, field: &Field) -> syn::Result<Option<TokenStream>> {
    for attribute in &field.attrs {
        if attribute.path().is_ident("minimal") {
            return attribute.parse_args().map(Some);
        }
    }
    if name == "protocol_identifier" {
        return Ok(Some(quote!(crate::types::protocol_identifier())));
    }
    let Type::Path(path) = &field.ty else {
        return Ok(None);
    };
    let Some(last) = path.path.segments.last() else {
        return Ok(None);
    };
    Ok(match last.ident.to_string().as_str() {
        "Option" => Some(quote!(None)),
        "List" => Some(quote!(List::default())),
        "bool" => Some(quote!(false)),
        _ => None,
    })
}

fn argument_of(name: &Ident) -> Ident {
    if name == "request_seq_num" {
        format_ident!("seq")
    } else {
        name.clone()
    }
}
