//! What `top` says of itself.

/// What else there is to know.
pub(super) const HELP: &str = "\
Keys: q, Esc or Ctrl-C ends it, ? shows all others. It asks tokend once a second and changes nothing.
Without a terminal, `tokend-cli status` says the same once.";
