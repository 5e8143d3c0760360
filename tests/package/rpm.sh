# The rpm's life, as far as Debian goes along: its dependencies are by others' names here.

rpm() { command rpm --force-debian --nodeps "$@"; }
check "rpm installs the rpm" rpm -i first/*.rpm
check "its sockets are enabled and there" eval 'systemctl is-enabled $sockets && systemctl is-active $sockets'
check "its key is sealed" sealed
check "a credential is added to its store" eval 'add_static && serves'
check "it has git's helper, too" as_git
check "it completes commands of bash and fish" eval '
  bash -c ". /usr/share/bash-completion/completions/tokend-cli && complete -p tokend-cli" &&
    fish -c "complete -C \"tokend-cli iss\"" | grep -q issuances'
before=$(main_pid)
check "an upgrade has another one serve" eval '
  rpm -U --force first/*.rpm && [ "$(main_pid)" != "$before" ] && serves && systemctl is-enabled $sockets'
changed() {
  sed -i 's/^#\(key_source = "credential:tokend-key"\)/\1/' $settings && rpm -U --force first/*.rpm &&
    serves && grep -q '^key_source = ' $settings
}
check "and leaves a tokend.toml that was changed" changed
erased() {
  rpm -e tokend && ! systemctl is-active tokend.service $sockets && [ -e $store ] &&
    [ ! -e /usr/bin/git-credential-tokend ] && [ ! -e /usr/lib/systemd/system/tokend.socket ] &&
    [ -e $settings.rpmsave ] && ! find /etc/systemd/system -name 'tokend*.socket' | grep .
}
check "removed it is gone, and its data stays" erased
check "installed anew it finds its store" eval 'rpm -i first/*.rpm && serves'
