//! Message heads, read strictly.

/// The head of a request or an answer, as it stood on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The request line or status line.
    pub start: String,
    /// Names as sent and values, in order; bytes are decoded as ISO-8859-1.
    pub headers: Vec<(String, String)>,
}

impl Head {
    /// Reads everything before the empty line.
    ///
    /// # Panics
    /// When a line does not end with CRLF, or a header has no colon.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let text: String = bytes.iter().map(|&byte| char::from(byte)).collect();
        let mut lines = text.split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let headers: Vec<_> = lines
            .map(|line| {
                let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no header: {line:?}"));
                (name.to_owned(), value.trim().to_owned())
            })
            .collect();
        let lines = headers.iter().flat_map(|(name, value)| [name, value]).chain([&start]);
        for text in lines {
            assert!(!text.contains(['\r', '\n']), "bare CR or LF in a head: {text:?}");
        }
        Self { start, headers }
    }

    /// Gives the value of a header, its name in any case.
    ///
    /// # Panics
    /// When the header stands more than once.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} stands twice in {self:?}");
        value
    }

    /// Gives the status of an answer.
    ///
    /// # Panics
    /// When the first line is no status line.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.start
            .strip_prefix("HTTP/1.1 ")
            .or_else(|| self.start.strip_prefix("HTTP/1.0 "))
            .and_then(|rest| rest.get(..3)?.parse().ok())
            .unwrap_or_else(|| panic!("no status line: {:?}", self.start))
    }

    pub(crate) fn content_length(&self) -> Option<usize> {
        self.header("content-length").map(|value| value.parse().expect("a length"))
    }

    pub(crate) fn is_chunked(&self) -> bool {
        self.header("transfer-encoding") == Some("chunked")
    }
}
