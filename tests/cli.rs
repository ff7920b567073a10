//! The command line as a user meets it: what goes wrong is said, and changes nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::{Path, PathBuf};

use support::{Network, digits, gainsay, text};

/// Runs a command that must fail, and returns what it says.
fn refused(command: &mut std::process::Command) -> String {
    let output = command.output().unwrap();
    assert!(!output.status.success(), "this was accepted: {}", text(&output));
    assert!(output.stdout.is_empty(), "{}", text(&output));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!said.contains("panicked"), "{said}");
    said
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, target).unwrap();
        }
    }
}

/// Every file under a folder, relative to it.
fn files_under(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                files.push(path.strip_prefix(folder).unwrap().to_owned());
            }
        }
    }
    files
}

#[test]
fn a_reader_that_has_gone_ends_a_command_without_a_panic() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = gainsay();
    command.args(["artifact", "inspect"]).arg(digits()).stdout(writer);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(141));
    assert!(output.stderr.is_empty(), "{}", text(&output));
}

#[test]
fn every_command_has_help_that_names_its_environment_variables() {
    let mut commands: Vec<&[&str]> = vec![
        &[],
        &["key", "new"],
        &["key", "show"],
        &["arbiter"],
        &["executor"],
        &["challenger"],
        &["artifact", "inspect"],
        &["artifact", "push"],
        &["submit"],
        &["result"],
        &["claims"],
        &["disputes"],
        &["show"],
        &["balance"],
        &["fund"],
        &["account"],
        &["withdraw"],
        &["params"],
        &["announce"],
        &["economics"],
        &["equivocation", "save"],
        &["equivocation", "prove"],
        &["equivocation", "verify"],
        &["canary", "prepare"],
        &["canary", "commit"],
        &["canary", "plant"],
        &["canary", "reveal"],
        &["canary", "list"],
        &["judge"],
        &["sim"],
        &["demo"],
        &["config"],
        &["config", "show"],
        &["config", "check"],
    ];
    if cfg!(feature = "models") {
        commands.extend([["artifact", "import"].as_slice(), &["embed"]]);
    }
    for command in commands {
        let output = gainsay().args(command).arg("--help").output().unwrap();
        assert!(output.status.success(), "{command:?}: {}", text(&output));
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(help.contains("GAINSAY_CONFIG="), "{command:?}:\n{help}");
        for line in help.lines().filter(|line| line.trim_start().starts_with("--")) {
            let flag = line.trim_start().split([' ', ',']).next().unwrap();
            // Inputs are named one by one, and help and version are no settings.
            if !["--input", "--help", "--version"].contains(&flag) {
                let paragraph = help.split(line).nth(1).unwrap();
                let until = paragraph.find("\n  -").unwrap_or(paragraph.len());
                let said = format!("{line}{}", &paragraph[..until]);
                assert!(said.contains("GAINSAY_"), "{command:?} {flag} has no variable:\n{said}");
            }
        }
    }
}

#[test]
fn a_key_file_is_private_never_overwritten_and_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("me.key");
    let made = gainsay().args(["key", "new"]).arg(&file).output().unwrap();
    assert!(made.status.success(), "{}", text(&made));
    let before = std::fs::read(&file).unwrap();
    let said = refused(gainsay().args(["key", "new"]).arg(&file));
    assert!(said.contains("never overwritten"), "{said}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
    let shown = gainsay().args(["key", "show"]).arg(&file).output().unwrap();
    assert_eq!(shown.stdout, made.stdout);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        let said = refused(gainsay().args(["key", "show"]).arg(&file));
        assert!(said.contains("chmod 600"), "{said}");
    }
}

#[test]
fn a_damaged_or_missing_key_is_named_and_its_secret_is_not_printed() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none.key");
    let said = refused(gainsay().args(["key", "show"]).arg(&missing));
    assert!(said.contains("none.key") && said.contains("gainsay key new"), "{said}");
    let file = folder.path().join("bad.key");
    assert!(gainsay().args(["key", "new"]).arg(&file).output().unwrap().status.success());
    let good = std::fs::read_to_string(&file).unwrap();
    let secret = good.trim().rsplit(':').next().unwrap();
    for bad in [&good[..good.len() / 2], "", "hello\n", &good.replace(':', ";")] {
        std::fs::write(&file, bad).unwrap();
        let said = refused(gainsay().args(["key", "show"]).arg(&file));
        assert!(said.contains("bad.key"), "{said}");
        assert!(!said.contains(&secret[..16]), "the secret is printed: {said}");
    }
}

#[test]
fn a_wrong_configuration_says_what_and_where() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gainsay.toml");
    let cases = [
        ("[network]\nwindow = 3\n", "window"),
        ("[nonsense]\n", "nonsense"),
        ("[network]\narity = 3\n", "power of two"),
        ("[network]\npayout_percent = 90\n", "payout_percent"),
        ("[network]\nexecutor_bond = \"a lot\"\n", "executor_bond"),
        ("[network]\ngrace_ms = 900000\n", "grace"),
        ("[network]\nwindow_ms = 0\n", "window"),
        ("[challenger]\nsample = 2.0\n", "sample"),
        ("[client]\narbiter = \"somewhere\"\n", "arbiter"),
        ("[client]\narbiter_key = \"00\"\n", "arbiter_key"),
        ("[executor]\nmax_open = 0\n", "max_open"),
        ("[network\n", "TOML"),
    ];
    for (config, word) in cases {
        std::fs::write(&file, config).unwrap();
        let said = refused(gainsay().args(["config", "check", "--config"]).arg(&file));
        assert!(said.contains("gainsay.toml"), "{said}");
        assert!(said.contains(word), "{config:?}: {word:?} is not in: {said}");
    }
    let missing = folder.path().join("missing.toml");
    let said = refused(gainsay().args(["config", "show", "--config"]).arg(&missing));
    assert!(said.contains("missing.toml"), "{said}");
}

#[test]
fn the_configuration_shown_is_one_that_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gainsay.toml");
    std::fs::write(&file, "[network]\nname = \"mine\"\narity = 4\n").unwrap();
    let shown = gainsay().args(["config", "show", "--config"]).arg(&file).output().unwrap();
    assert!(shown.status.success(), "{}", text(&shown));
    assert!(String::from_utf8_lossy(&shown.stdout).contains("arity = 4"));
    std::fs::write(&file, &shown.stdout).unwrap();
    let again = gainsay().args(["config", "show", "--config"]).arg(&file).output().unwrap();
    assert_eq!(shown.stdout, again.stdout, "{}", text(&again));
}

#[test]
fn an_artifact_is_inspected_for_people_and_for_programs() {
    let output = gainsay().args(["artifact", "inspect"]).arg(digits()).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let told = String::from_utf8(output.stdout).unwrap();
    for word in ["digits", "image", "logits", "probabilities", "conv2d", "f32[1, 1, 8, 8]"] {
        assert!(told.contains(word), "{word:?} is not in:\n{told}");
    }
    let output = gainsay().args(["artifact", "inspect", "--json"]).arg(digits()).output().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(json["programs"][0]["layers"].as_array().unwrap().len() >= 8, "{json}");
}

#[test]
fn a_truncated_bit_flipped_or_oversized_artifact_is_refused_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let files = files_under(&digits());
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap();
        let good = std::fs::read(digits().join(&file)).unwrap();
        let mut flipped = good.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 4;
        let mut longer = good.clone();
        longer.extend_from_slice(&good);
        for (what, bytes) in [
            ("truncated", good[..good.len() / 2].to_vec()),
            ("flipped", flipped),
            ("longer", longer),
            ("empty", Vec::new()),
        ] {
            let place = folder.path().join(format!("{name}-{what}"));
            copy(&digits(), &place);
            std::fs::write(place.join(&file), &bytes).unwrap();
            let said = refused(gainsay().args(["artifact", "inspect"]).arg(&place));
            assert!(said.contains(&format!("{name}-{what}")), "{said}");
            assert_eq!(std::fs::read(place.join(&file)).unwrap(), bytes, "the file was changed");
        }
    }
}

#[test]
fn what_is_no_case_file_is_refused_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("some.case");
    for bytes in [
        &b""[..],
        b"gainsay",
        b"gainsayC\x02\0\0\0",
        b"gainsayC\x01\0\0\0\xff\xff\xff\xff",
        &[7; 4096],
    ] {
        std::fs::write(&file, bytes).unwrap();
        let said = refused(gainsay().arg("judge").arg(&file));
        assert!(said.contains("some.case"), "{said}");
    }
    let said = refused(gainsay().arg("judge").arg(folder.path().join("none.case")));
    assert!(said.contains("none.case"), "{said}");
}

#[test]
fn a_client_says_what_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = gainsay();
    command.current_dir(folder.path());
    let said = refused(command.args(["claims"]));
    assert!(said.contains("--arbiter"), "{said}");
    let mut command = gainsay();
    command.current_dir(folder.path());
    let said = refused(command.args(["claims", "--arbiter", "127.0.0.1:1"]));
    assert!(said.contains("--arbiter-key"), "{said}");
}

#[test]
fn economics_answers_in_json_and_refuses_what_is_no_share() {
    let output = gainsay()
        .args(["economics", "--json", "--challengers", "2", "--sample", "0.5", "--fraud-gain", "3"])
        .args(["--fee", "1", "--bond", "1", "--capital-rate", "0", "--compute-cost", "0.1"])
        .args(["--canary-bonus", "0.3"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["detection"], 0.75);
    // A quarter of 4 credits against three quarters of a bond of 1.
    assert_eq!(told["liar_alone_micro"], 250_000.0);
    assert_eq!(told["smallest_bond_alone_micro"], 1_333_334.0);
    // Looking costs 0.05; the arbiter's cost takes what a slash pays; a bonus brings each of two 0.3 x 0.75 / 2.
    let canaries = told["smallest_canary_rate"].as_f64().unwrap();
    assert!((canaries - 0.05 / 0.1125).abs() < 1e-9, "{told}");
    let said = refused(gainsay().args(["economics", "--canary-rate", "2"]));
    assert!(said.contains("canary_rate is 2"), "{said}");
    let said = refused(gainsay().args(["economics", "--sample", "1.5"]));
    assert!(said.contains("sampling is 1.5"), "{said}");
    let said = refused(gainsay().args(["economics", "--fee", "much"]));
    assert!(said.contains("--fee"), "{said}");
}

#[test]
fn what_is_no_proof_of_an_equivocation_is_refused_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("some.proof");
    for bytes in [&b""[..], b"gainsay", b"gainsayE\x01", b"gainsayE\x02\0", &[7; 4096]] {
        std::fs::write(&file, bytes).unwrap();
        let said = refused(gainsay().args(["equivocation", "verify"]).arg(&file));
        assert!(said.contains("some.proof"), "{said}");
    }
    let said = refused(gainsay().args(["equivocation", "prove", "a.claim", "b.claim"]));
    assert!(said.contains("--out"), "{said}");
    let out = folder.path().join("out.proof");
    let said =
        refused(gainsay().args(["equivocation", "prove", "a.claim", "b.claim", "--out"]).arg(&out));
    assert!(said.contains("a.claim"), "{said}");
    assert!(!out.exists());
}

/// A claim of a key for an attempt, with that trace root.
fn signed_claim(attempt: u32, root: u8) -> Vec<u8> {
    use gainsay_commitment::{Opening, content};
    use gainsay_protocol::{Claim, JobId, Keypair, Message, MessageId, NetworkId, Signed};
    let opening = |index| Opening { index, siblings: Vec::new() };
    let claim = Claim {
        job: JobId(MessageId(content(b"a job"))),
        attempt,
        layers: 1,
        root: content(&[root]),
        outputs: Vec::new(),
        first: opening(0),
        last: opening(1),
    };
    let network = NetworkId(content(b"a network"));
    let signed = Signed::new(&Keypair::from_seed(&[9; 32]), network, Message::Claim(claim));
    signed.to_bytes().unwrap()
}

#[test]
fn an_equivocation_is_proven_and_verified_offline() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    for (name, claim) in [
        ("one.claim", signed_claim(0, 1)),
        ("other.claim", signed_claim(0, 2)),
        ("later.claim", signed_claim(1, 2)),
    ] {
        std::fs::write(place(name), claim).unwrap();
    }
    let prove = |one: &str, other: &str, out: &str| {
        let mut command = gainsay();
        command.args(["equivocation", "prove"]).arg(place(one)).arg(place(other));
        command.arg("--out").arg(place(out));
        command
    };
    let made = prove("one.claim", "other.claim", "a.proof").output().unwrap();
    assert!(made.status.success(), "{}", text(&made));
    // In either order it is the same proof, and an existing file is kept.
    let again = prove("other.claim", "one.claim", "b.proof").output().unwrap();
    assert!(again.status.success(), "{}", text(&again));
    let proof = std::fs::read(place("a.proof")).unwrap();
    assert_eq!(proof, std::fs::read(place("b.proof")).unwrap());
    let said = refused(&mut prove("one.claim", "other.claim", "a.proof"));
    assert!(said.contains("a.proof"), "{said}");
    for (one, other, why) in
        [("one.claim", "one.claim", "say the same"), ("one.claim", "later.claim", "attempts")]
    {
        let said = refused(&mut prove(one, other, "c.proof"));
        assert!(said.contains(why), "{said}");
        assert!(!place("c.proof").exists());
    }
    let verify = |file: &Path| {
        let mut command = gainsay();
        command.args(["equivocation", "verify", "--json"]).arg(file);
        command
    };
    let told = verify(&place("a.proof")).output().unwrap();
    assert!(told.status.success(), "{}", text(&told));
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!(told["differ_in"], serde_json::json!(["the trace root"]));
    assert_eq!(told["attempt"], 0);
    let other = "1".repeat(64);
    let said = refused(verify(&place("a.proof")).args(["--network", &other]));
    assert!(said.contains("network"), "{said}");
    for at in [proof.len() / 2, proof.len() - 1] {
        let mut flipped = proof.clone();
        flipped[at] ^= 1;
        std::fs::write(place("flipped.proof"), flipped).unwrap();
        let said = refused(&mut verify(&place("flipped.proof")));
        assert!(said.contains("flipped.proof"), "{said}");
    }
}

/// One network for what needs one: money, parameters, identities.
#[test]
fn an_arbiter_refuses_what_is_not_in_order_and_keeps_its_books() {
    let mut network = Network::new("window_ms = 1000");
    let (me, other) = (network.new_key("me"), network.new_key("other"));
    let arbiter = network.start_arbiter();
    network.fund(&me, "2.5");
    let balance = |key: &str| network.json("me", &["balance", key])["free_micro"].as_u64().unwrap();
    assert_eq!(balance(&me), 2_500_000);
    let said = refused(&mut network.command("other", &["fund", &other, "5"]));
    assert!(said.contains("operator"), "{said}");
    assert_eq!(balance(&other), 0);
    let nothing = "0".repeat(64);
    let said = refused(
        &mut network
            .command("me", &["submit", "--artifact", &nothing, "--input", "image=none.json"]),
    );
    assert!(said.contains("not admitted"), "{said}");
    let artifact = network.push("me");
    assert_eq!(network.push("me"), artifact, "an artifact can be offered twice");
    let file = network.path("short.bin");
    std::fs::write(&file, [0u8; 12]).unwrap();
    let input = format!("image={}", file.display());
    let said = refused(
        &mut network.command("me", &["submit", "--artifact", &artifact, "--input", &input]),
    );
    assert!(said.contains("f32[1, 1, 8, 8]"), "{said}");
    // Somebody without money asks.
    let image = network.path("image.json");
    std::fs::write(&image, serde_json::to_vec(&vec![0.5f32; 64]).unwrap()).unwrap();
    let input = format!("image={}", image.display());
    refused(&mut network.command("other", &["submit", "--artifact", &artifact, "--input", &input]));
    assert_eq!(balance(&me), 2_500_000);
    // Statements add up; a withdrawal waits its delay; parameters come with notice.
    let statement = network.json("me", &["account", "--history"]);
    assert_eq!(statement["transfers"][0]["kind"], "deposit");
    assert_eq!(statement["free_micro"], 2_500_000);
    network.json("me", &["withdraw", "0.5"]);
    assert_eq!(network.json("me", &["account"])["pending_micro"], 500_000);
    let statement = network.json("me", &["account", "--history"]);
    assert_eq!(statement["transfers"][1]["free_micro"], 2_000_000);
    refused(&mut network.command("me", &["withdraw", "2.1"]));
    let params = network.json("me", &["params", "--layers", "1000000"]);
    assert_eq!(params["in_force"]["window_ms"], 1000);
    assert_eq!(params["d_max"].as_array().unwrap().len(), 2, "the program's and the one asked for");
    assert_eq!(params["announced"], serde_json::json!([]));
    let said = refused(&mut network.command("me", &["announce", "--in", "90000"]));
    assert!(said.contains("operator"), "{said}");
    let said = refused(&mut network.command("operator", &["announce", "--in", "60"]));
    assert!(said.contains("notice"), "{said}");
    network.json("operator", &["announce", "--in", "90000"]);
    let params = network.json("me", &["params"]);
    assert_eq!(params["announced"].as_array().unwrap().len(), 1);
    // The books are served, and another arbiter cannot open them.
    let metrics = network.http_get("/metrics");
    assert!(metrics.contains("gainsay_conservation_violated 0"), "{metrics}");
    assert!(network.http_get("/healthz").starts_with("HTTP/1.1 200"));
    let mut second = network.command("arbiter", &["arbiter", "--listen", "127.0.0.1:0"]);
    second.args(["--http", "127.0.0.1:0", "--data"]).arg(network.path("arbiter"));
    let said = refused(&mut second);
    assert!(said.contains("arbiter"), "{said}");
    // Other parameters after the first start are refused too.
    arbiter.kill();
    let config = network.path("gainsay.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("window_ms = 1000", "window_ms = 2000")).unwrap();
    let mut changed = network.command("arbiter", &["arbiter", "--listen", "127.0.0.1:0"]);
    changed.args(["--http", "127.0.0.1:0", "--data"]).arg(network.path("arbiter"));
    let said = refused(&mut changed);
    assert!(said.contains("parameters"), "{said}");
}

#[test]
fn the_simulator_plays_the_same_games_from_the_same_seed() {
    let play = |seed: &str| {
        let output =
            gainsay().args(["sim", "--games", "4", "--json", "--seed", seed]).output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let one = play("7");
    assert_eq!(one, play("7"));
    assert_eq!(one["games"], 4);
    assert_ne!(one["digest"], play("8")["digest"]);
}
