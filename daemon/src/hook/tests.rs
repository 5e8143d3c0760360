use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use super::*;

fn notice() -> LoginNeeded {
    let (command, message) = ("tokend-cli login api".to_owned(), "invalid\ngrant".to_owned());
    LoginNeeded { name: "api".parse().unwrap(), command, message }
}

fn script(text: &str) -> Vec<String> {
    ["/bin/sh", "-c", text].map(str::to_owned).to_vec()
}

#[tokio::test]
async fn a_program_is_told_what_to_do_and_sees_little_else() {
    let (notice, command) = (notice(), script("env; echo no >&2; cat"));
    let ended = run(&command, &notice, &surroundings(&notice)).await.unwrap();
    let output = String::from_utf8(ended.output.to_vec()).unwrap();
    for line in [
        "TOKEND_CREDENTIAL=api",
        "TOKEND_MESSAGE=invalid grant",
        "TOKEND_COMMAND=tokend-cli login api",
    ] {
        assert!(output.lines().any(|seen| seen == line), "{output}");
    }
    // The shell sets some itself.
    let known = |name: &str| {
        PASSED.contains(&name)
            || name.starts_with("TOKEND_")
            || ["PWD", "OLDPWD", "SHLVL", "_"].contains(&name)
    };
    assert!(output.lines().filter_map(|line| line.split('=').next()).all(known), "{output}");
    assert!(printed(&ended).unwrap().starts_with("no "), "complaints come first, on one line");
}

#[test]
fn a_program_is_found_in_the_path_or_the_way_out_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("tell");
    fs::write(&program, "#!/bin/sh\n").unwrap();
    let path = env::join_paths([Path::new("here"), Path::new("/nowhere"), dir.path()]).unwrap();
    assert_eq!(find("tell", &path).unwrap(), program);
    let error = find("shout", &path).unwrap_err().to_string();
    assert_eq!(error, "there is no shout in PATH: name the program by its absolute path");
    assert_eq!(find("/bin/sh", &path).unwrap(), Path::new("/bin/sh"));
}

#[test]
fn what_others_can_change_is_a_problem_from_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("tell");
    fs::write(&program, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o777)).unwrap();
    let problem = problem(&[program.display().to_string()]).unwrap();
    assert!(problem.starts_with("on_login_needed in tokend.toml can't be run: "), "{problem}");
    assert!(problem.contains("is writable by others: run `chmod go-w` on it"), "{problem}");
    assert_eq!(super::problem(&script("exit 0")), None);
    assert!(super::problem(&["bin/tell".to_owned()]).unwrap().contains("absolute path"));
}

#[test]
fn one_that_hangs_does_not_hold_the_daemons_end() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let text = format!("echo \"$TOKEND_COMMAND\" > {}; sleep 600", pipe.display());
    let hook = Hook::spawn(script(&text)).unwrap();
    hook.notices().try_send(notice()).unwrap();
    assert_eq!(fs::read_to_string(&pipe).unwrap(), "tokend-cli login api\n");
    hook.finish();
}
