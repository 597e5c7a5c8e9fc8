//! The possible encodings of a secret, and a search for them.

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A secret in plain text, in a URL, in JSON, in Rust's `{:?}`, in hex, and in base64 at each alignment.
pub(crate) fn forms(secret: &str) -> Vec<String> {
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let quoted = format!("{secret:?}");
    let bytes: Vec<String> = secret.bytes().map(|byte| byte.to_string()).collect();
    let mut forms = vec![
        secret.to_owned(),
        encoded(secret, |byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte)),
        encoded(secret, |byte| byte.is_ascii_alphanumeric() || b"-_.~!$&'()*+,;=".contains(&byte)),
        quoted.trim_matches('"').to_owned(),
        hex.to_uppercase(),
        hex,
        // A list of bytes, as `{:?}` writes it.
        bytes.join(", "),
    ];
    for before in 0..3 {
        let text = base64(before, secret.as_bytes());
        forms.push(text.replace('+', "-").replace('/', "_"));
        forms.push(text);
    }
    forms.sort();
    forms.dedup();
    forms
}

fn encoded(secret: &str, plain: impl Fn(u8) -> bool) -> String {
    secret.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// The base64 letters that depend on the secret alone, after `before` preceding bytes of a group of three.
fn base64(before: usize, secret: &[u8]) -> String {
    let bits: Vec<u8> = secret.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let skipped = (6 - before * 8 % 6) % 6;
    let whole = bits[skipped..].chunks_exact(6);
    whole.map(|bits| char::from(BASE64[bits.iter().fold(0, |letter, bit| letter << 1 | usize::from(*bit))])).collect()
}

/// Asserts the absence of the secrets from a text, in any encoding.
#[track_caller]
pub(crate) fn assert_absent(place: &str, text: &str, secrets: &[&str]) {
    for secret in secrets {
        for form in forms(secret) {
            if let Some(at) = text.find(&form) {
                let (from, to) = (text.floor_char_boundary(at.saturating_sub(300)), text.ceil_char_boundary(at + 100));
                panic!("{place} shows {secret:?} as {form:?}: ...{}...", &text[from..to]);
            }
        }
    }
}

#[test]
fn a_secret_is_known_in_each_form() {
    let secret = "p@ss/w+rd-42";
    assert_eq!(base64(0, b"Many"), "TWFue");
    // What base64 makes of xMany and of xyMany: eE1hbnk= and eHlNYW55. The last letters may hold bits of what follows.
    assert_eq!((base64(1, b"Many").as_str(), base64(2, b"Many").as_str()), ("1hbn", "NYW55"));
    for text in [
        "p@ss/w+rd-42",
        "p%40ss%2Fw%2Brd-42",
        "70407373",
        "Authorization: Basic dXNlcjpwQHNzL3crcmQtNDI=",
        "[112, 64, 115, 115, 47, 119, 43, 114, 100, 45, 52, 50]",
    ] {
        let found = forms(secret).iter().any(|form| text.contains(form.as_str()));
        assert_eq!(found, text != "70407373", "{text}");
    }
}
