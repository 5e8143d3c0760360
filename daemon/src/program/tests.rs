use std::{
    io::{BufRead, BufReader, Read},
    sync::mpsc,
    thread,
};

use super::*;

/// Only a hang gets this far.
const PATIENCE: Duration = Duration::from_secs(60);

fn script(text: &str, input: &str) -> Program {
    Program {
        command: ["/bin/sh", "-c", text].map(str::to_owned).to_vec(),
        input: Zeroizing::new(input.as_bytes().to_vec()),
        timeout: PATIENCE,
    }
}

async fn message(program: &Program) -> String {
    run(program).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_program_reads_its_input_to_the_end_and_is_heard() {
    let ended = run(&script("cat; echo no >&2; exit 3", r#"{"key":"s3cret"}"#)).await.unwrap();
    assert_eq!(ended.code, Some(3));
    assert_eq!(&ended.output[..], br#"{"key":"s3cret"}"#);
    assert_eq!(&ended.errors[..], b"no\n");
    assert_eq!(run(&script("kill -9 $$", "")).await.unwrap().code, None);
}

#[tokio::test]
async fn a_program_sees_nothing_of_the_daemons_surroundings() {
    let ended = run(&script("pwd; env | sort", "")).await.unwrap();
    let output = String::from_utf8(ended.output.to_vec()).unwrap();
    let mut lines = output.lines();
    assert_eq!(lines.next(), Some("/"));
    let names: Vec<&str> = lines.filter_map(|line| line.split('=').next()).collect();
    assert!(names.contains(&"PATH") && names.contains(&"LANG"), "{output}");
    // The shell sets some itself.
    let known = ["HOME", "LANG", "OLDPWD", "PATH", "PWD", "SHLVL", "_"];
    assert!(names.iter().all(|name| known.contains(name)), "{output}");
    assert!(output.contains("PATH=/usr/bin:/bin\n") && output.contains("LANG=C.UTF-8\n"));
}

#[tokio::test]
async fn arguments_reach_a_program_as_they_are() {
    let mut program = script(r#"printf '%s|' "$@""#, "");
    program.command.extend(["sh", "$HOME", "a b", "; exit 1"].map(str::to_owned));
    assert_eq!(&run(&program).await.unwrap().output[..], b"$HOME|a b|; exit 1|");
}

#[tokio::test]
async fn a_program_inherits_no_file_that_the_daemon_has_open() {
    let open = tempfile::NamedTempFile::new().unwrap();
    let name = open.path().file_name().unwrap().to_str().unwrap();
    let script = script("ls -l /proc/$PPID/fd; echo; ls -l /proc/self/fd", "");
    let output = run(&script).await.unwrap().output;
    let output = String::from_utf8(output.to_vec()).unwrap();
    let (daemons, programs) = output.split_once("\n\n").unwrap();
    assert!(daemons.contains(name) && !programs.contains(name), "{output}");
}

#[tokio::test]
async fn a_program_need_not_read_its_input() {
    // More than a pipe holds.
    let ended = run(&script("exec <&-; echo done", &"x".repeat(1 << 20))).await.unwrap();
    assert_eq!((ended.code, &ended.output[..]), (Some(0), &b"done\n"[..]));
}

#[tokio::test]
async fn complaints_are_kept_to_a_bound_and_hold_nobody_up() {
    let ended = run(&script("head -c 1000000 /dev/zero >&2; echo done", "")).await.unwrap();
    assert_eq!(ended.errors.len(), MAX_ERRORS);
    assert_eq!(&ended.output[..], b"done\n");
}

#[tokio::test]
async fn a_program_that_prints_too_much_is_killed() {
    let most = run(&script("head -c 65536 /dev/zero", "")).await.unwrap();
    assert_eq!(most.output.len(), MAX_OUTPUT);
    assert_eq!(message(&script("cat /dev/zero", "")).await, "/bin/sh printed more than 64 KiB");
}

#[tokio::test]
async fn a_program_that_takes_too_long_is_killed() {
    let timeout = Duration::from_millis(100);
    // What it starts keeps its output open.
    for text in ["sleep 1000", "sleep 1000 & wait", "sleep 1000 &"] {
        let error = run(&Program { timeout, ..script(text, "") }).await.unwrap_err();
        assert_eq!(error.to_string(), "/bin/sh didn't end within 0.1 seconds", "{text}");
        assert!(error.was_started());
    }
}

#[tokio::test]
async fn what_a_program_leaves_behind_costs_no_answer() {
    let ended = run(&script("sleep 1000 & echo done", "")).await.unwrap();
    assert_eq!((ended.code, &ended.output[..]), (Some(0), &b"done\n"[..]));
}

#[tokio::test]
async fn a_program_is_called_by_the_name_that_was_given() {
    let dir = tempfile::tempdir().unwrap();
    let link = dir.path().join("called");
    std::os::unix::fs::symlink("/bin/sh", &link).unwrap();
    let mut program = script("echo $0", "");
    program.command = vec![link.display().to_string(), "-c".to_owned(), "echo $0".to_owned()];
    let output = run(&program).await.unwrap().output;
    assert_eq!(String::from_utf8_lossy(&output).trim(), link.to_str().unwrap());
}

#[tokio::test]
async fn all_that_a_program_has_started_ends_with_whoever_waits_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    // The grandchild alone has the pipe open.
    let text = format!("(echo started; exec sleep 1000) >{} & wait", pipe.display());
    let (sender, told) = mpsc::channel();
    thread::spawn(move || {
        let mut reader = BufReader::new(std::fs::File::open(pipe).unwrap());
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        sender.send(line).unwrap();
        // It ends when nobody has the pipe open any more.
        let mut rest = String::new();
        reader.read_to_string(&mut rest).unwrap();
        sender.send(rest).unwrap();
    });
    let running = tokio::spawn(async move { run(&script(&text, "")).await.map(|_| ()) });
    let (told, line) = tokio::task::spawn_blocking(move || {
        let line = told.recv_timeout(PATIENCE);
        (told, line)
    })
    .await
    .unwrap();
    assert_eq!(line.unwrap(), "started\n");
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), "");
}

#[tokio::test]
async fn what_is_no_program_is_not_run() {
    let program = |command: &[&str]| Program {
        command: command.iter().map(|&word| word.to_owned()).collect(),
        ..script("", "")
    };
    for (command, expected) in [
        (&[][..], " isn't an absolute path, so no program"),
        (&["sh"], "sh isn't an absolute path, so no program"),
        (&["/none"], "can't find /none: No such file or directory (os error 2)"),
    ] {
        let error = run(&program(command)).await.unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert!(!error.was_started());
    }
}
