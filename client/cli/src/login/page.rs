//! The page that the browser shows once it has been sent back.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY},
};

/// Nothing is loaded, run, framed or sent from the page.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

/// What came of a redirect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The token is there.
    Done { credential: String },
    /// It isn't of this login, which goes on.
    Rejected(String),
    /// The login has failed.
    Failed(String),
    /// It came at a wrong place, or in a wrong way.
    Misplaced(StatusCode),
    /// The command has ended, or takes long.
    Unknown,
}

impl Verdict {
    /// Returns the answer to the browser.
    pub(crate) fn page(&self) -> Response<Full<Bytes>> {
        let (status, title, text) = match self {
            Self::Done { credential } => {
                let text =
                    format!("tokend has a token for {credential}. This window can be closed.");
                (StatusCode::OK, "Logged in", text)
            }
            Self::Rejected(why) => {
                let text = format!("{why}. The terminal tells what to do; it goes on waiting.");
                (StatusCode::BAD_REQUEST, "This isn't the login that was asked for", text)
            }
            Self::Failed(why) => (
                StatusCode::BAD_REQUEST,
                "Not logged in",
                format!("{why}. The terminal says more."),
            ),
            Self::Misplaced(status) => {
                (*status, "Nothing here", "tokend-cli waits for the end of a login.".to_owned())
            }
            Self::Unknown => {
                let text = "The terminal tells how the login ends.".to_owned();
                (StatusCode::ACCEPTED, "Back to the terminal", text)
            }
        };
        let mut response = Response::new(Full::from(html(title, &text)));
        *response.status_mut() = status;
        for (name, value) in [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            (CACHE_CONTROL, "no-store"),
            (REFERRER_POLICY, "no-referrer"),
            (CONTENT_SECURITY_POLICY, POLICY),
        ] {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        let headers = response.headers_mut();
        headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
        response
    }
}

fn html(title: &str, text: &str) -> String {
    let (title, text) = (escape(title), escape(text));
    format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title} - tokend</title>\n\
         <style>body{{font:1.1em/1.5 sans-serif;max-width:36em;margin:15vh auto;padding:0 1em}}\
         </style>\n<h1>{title}</h1>\n<p>{text}</p>\n</html>\n"
    )
}

/// Leaves no character in a text that means something in HTML.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_provider_says_is_no_markup() {
        let text = html("a", "<script>alert(\"1\")</script> & 'x'");
        assert!(!text.contains("<script"), "{text}");
        assert!(
            text.contains("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;x&#39;")
        );
    }

    #[test]
    fn no_page_is_kept_referred_from_or_reaches_out() {
        for verdict in [
            Verdict::Done { credential: "a".to_owned() },
            Verdict::Rejected("no".to_owned()),
            Verdict::Failed("no".to_owned()),
            Verdict::Misplaced(StatusCode::NOT_FOUND),
            Verdict::Unknown,
        ] {
            let page = verdict.page();
            assert_eq!(page.headers()[CACHE_CONTROL], "no-store");
            assert_eq!(page.headers()[REFERRER_POLICY], "no-referrer");
            let policy = page.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(policy.starts_with("default-src 'none';"), "{policy}");
        }
        let text = html("a", "b");
        assert!(!text.contains("http") && !text.contains("src=") && !text.contains("href="));
    }
}
