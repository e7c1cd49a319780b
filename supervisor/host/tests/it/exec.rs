//! What a program gets and what is kept of what it says.

use std::time::Duration;

use orbitr_host::exec::{Command, Error, Exit, LINE, Source};
use orbitr_model::Problem;
use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

fn go() -> CancellationToken {
    CancellationToken::new()
}

/// A script for `sh`, with arguments that it sees as `$1`, `$2` and so on.
fn sh(script: &str) -> Command {
    Command::new("sh").args(["-c", script, "sh"])
}

#[tokio::test]
async fn arguments_arrive_untouched_whatever_is_in_them() {
    let odd = ["", " ", "a b", "$(id)", "`id`", "; rm -rf /", "*", "\\", "'\"", "--", "-n", "new\nline", "☂", "%s"];
    let output = sh("printf '<%s>' \"$@\"").args(odd).run(&go()).await.unwrap().success().unwrap();
    let expected: String = odd.iter().map(|arg| format!("<{arg}>")).collect();
    assert_eq!(output.stdout_text(), expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn no_argument_is_read_by_a_shell(args in proptest::collection::vec("[^\\x00]{0,20}", 1..5)) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let output = runtime.block_on(sh("printf '%s\\0' \"$@\"").args(&args).run(&go())).unwrap();
        let seen = String::from_utf8(output.stdout).unwrap();
        let seen: Vec<&str> = seen.split_terminator('\0').collect();
        prop_assert_eq!(seen, args);
    }
}

#[tokio::test]
async fn an_argument_with_a_zero_byte_is_refused_not_cut() {
    let refused = Command::new("true").arg("a\0b").run(&go()).await;
    assert!(matches!(refused, Err(Error::Start { .. })), "{refused:?}");
}

#[tokio::test]
async fn nothing_of_our_own_environment_gets_in() {
    let output = Command::new("env").env("GIVEN", "yes").run(&go()).await.unwrap();
    let mut names: Vec<_> = output.stdout_text().lines().map(|l| l.split('=').next().unwrap().to_owned()).collect();
    names.sort();
    assert_eq!(names, ["GIVEN", "LANG", "PATH"]);
}

#[tokio::test]
async fn the_end_of_a_huge_output_is_kept_and_the_rest_counted() {
    let script = "head -c 50000000 /dev/zero | tr '\\0' x; printf end; head -c 3000000 /dev/zero >&2";
    let output = sh(script).capture(1000).run(&go()).await.unwrap().success().unwrap();
    assert_eq!((output.stdout.len(), output.stdout_dropped), (1000, 49_999_003));
    assert!(output.stdout.ends_with(b"xxxend"));
    assert_eq!((output.stderr.len(), output.stderr_dropped), (1000, 2_999_000));
}

#[tokio::test]
async fn input_is_fed_while_output_is_drained() {
    let input = vec![b'y'; 4_000_000];
    let output = Command::new("cat").stdin(input.clone()).capture(8_000_000).run(&go()).await.unwrap();
    assert_eq!(output.stdout, input);
    // one that does not read it all is not at fault
    let output = Command::new("true").stdin(input).run(&go()).await.unwrap();
    assert_eq!(output.status, Exit::Code(0));
}

#[tokio::test]
async fn lines_come_one_by_one_from_both_outputs() {
    let mut lines = Vec::new();
    let script = "printf 'one\\r\\n\\ntw'; sleep 0.1; printf 'o\\n'; echo err >&2; printf 'rest'";
    sh(script).stream(&go(), |source, line| lines.push((source, line.to_owned()))).await.unwrap();
    let of = |wanted| lines.iter().filter(|(s, _)| *s == wanted).map(|(_, l)| l.as_str()).collect::<Vec<_>>();
    assert_eq!(of(Source::Stdout), ["one", "", "two", "rest"]);
    assert_eq!(of(Source::Stderr), ["err"]);
}

#[tokio::test]
async fn a_line_without_an_end_is_cut() {
    let mut lengths = Vec::new();
    let script = "head -c 1000000 /dev/zero | tr '\\0' x; echo; echo next";
    sh(script).stream(&go(), |_, line| lengths.push(line.len())).await.unwrap();
    assert_eq!(lengths, [LINE, 4]);
}

#[tokio::test]
async fn a_failure_says_which_program_and_its_last_words() {
    let failed = sh("seq 1 100 >&2; echo the reason >&2; exit 3").run(&go()).await.unwrap().success();
    let Err(Error::Failed { program, status, stderr }) = failed else { panic!("{failed:?}") };
    assert_eq!((program.as_str(), status), ("sh", Exit::Code(3)));
    assert_eq!(stderr.lines().count(), 20);
    assert!(stderr.ends_with("the reason"));
    let told = Error::Failed { program, status, stderr }.to_string();
    assert_eq!(told, "sh ended with status 3: the reason");
}

#[tokio::test]
async fn a_missing_program_and_a_missing_folder_are_told_apart() {
    let missing = Command::new("orbitr-no-such-program").run(&go()).await;
    assert!(matches!(missing, Err(Error::NotFound { .. })), "{missing:?}");
    let problem = Problem::from(missing.unwrap_err());
    assert_eq!(problem.title, "The program orbitr-no-such-program is not installed");
    let nowhere = Command::new("true").dir("/nonexistent/folder").run(&go()).await;
    assert!(matches!(nowhere, Err(Error::Start { .. })), "{nowhere:?}");
}

#[tokio::test]
async fn secrets_are_not_in_what_debugging_prints() {
    let command = Command::new("cat").arg("sesame-1").env("KEY", "sesame-2").stdin("sesame-3").limit(Duration::MAX);
    let output = command.clone().limit(Duration::from_secs(5));
    assert!(!format!("{command:?}").contains("sesame"));
    let output = output.run(&go()).await;
    assert!(!format!("{output:?}").contains("sesame"));
}
