//! The demo, whole, and its figures computed again from the arbiter's database and the liars' journals.

#![cfg(feature = "models")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use gainsay::challenger::Alarm;
use gainsay::executor::{CheatKind, Lie};
use gainsay::protocol::{
    Account, Amount, ClaimOutcome, JobPhase, JobState, Ledger, MessageId, Transfer, TransferKind,
};
use serde_json::Value;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use support::{gainsay, text};

/// Everything that the arbiter's database says.
struct Record {
    jobs: Vec<JobState>,
    transfers: Vec<Transfer>,
    balances: BTreeMap<Account, Amount>,
}

fn decode<T: borsh::BorshDeserialize>(bytes: &[u8]) -> T {
    borsh::from_slice(bytes).unwrap()
}

async fn read(database: &Path) -> Record {
    let options = SqliteConnectOptions::new().filename(database).read_only(true);
    let pool = SqlitePool::connect_with(options).await.unwrap();
    let jobs =
        sqlx::query("SELECT state FROM jobs ORDER BY sequence").fetch_all(&pool).await.unwrap();
    let transfers =
        sqlx::query("SELECT debit, credit, amount, kind, cause FROM transfers ORDER BY number")
            .fetch_all(&pool)
            .await
            .unwrap();
    let balances =
        sqlx::query("SELECT account, amount FROM balances").fetch_all(&pool).await.unwrap();
    let amount =
        |row: &sqlx::sqlite::SqliteRow| Amount(row.get::<i64, _>("amount").try_into().unwrap());
    Record {
        jobs: jobs.iter().map(|row| decode(row.get("state"))).collect(),
        transfers: transfers
            .iter()
            .map(|row| Transfer {
                debit: decode(row.get("debit")),
                credit: decode(row.get("credit")),
                amount: amount(row),
                kind: decode::<TransferKind>(&[row.get::<i64, _>("kind").try_into().unwrap()]),
                cause: decode::<MessageId>(row.get("cause")),
            })
            .collect(),
        balances: balances.iter().map(|row| (decode(row.get("account")), amount(row))).collect(),
    }
}

/// Whose journal tells of lies, by folder.
fn journals(kept: &Path) -> (Vec<Lie>, Vec<Alarm>) {
    let (mut lies, mut alarms) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(kept).unwrap() {
        let journal = entry.unwrap().path().join("lies.jsonl");
        if !journal.exists() {
            continue;
        }
        if journal.to_string_lossy().contains("executor-") {
            lies.extend(Lie::read(&journal).unwrap());
        } else {
            alarms.extend(Alarm::read(&journal).unwrap());
        }
    }
    (lies, alarms)
}

#[test]
fn the_demo_catches_every_lie_and_its_figures_are_what_database_and_journals_say() {
    let folder = tempfile::tempdir().unwrap();
    let (kept, json) = (folder.path().join("kept"), folder.path().join("out.json"));
    let output = gainsay()
        .args(["demo", "--seed", "11", "--json"])
        .arg(&json)
        .arg("--keep")
        .arg(&kept)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let told: Value = serde_json::from_str(&std::fs::read_to_string(&json).unwrap()).unwrap();
    let record = tokio::runtime::Runtime::new()
        .unwrap()
        .block_on(read(&kept.join("arbiter").join("arbiter.db")));
    let (lies, alarms) = journals(&kept);
    check_counts(&told, &record, &lies, &alarms);
    check_money(&told, &record);
    check_disputes(&told, &record);
    judge_every_case(&kept, &told);
}

fn check_counts(told: &Value, record: &Record, lies: &[Lie], alarms: &[Alarm]) {
    let is_lie = |job: &JobState, root| {
        lies.iter().any(|lie| lie.job == job.id.0.0 && lie.claimed_root == root)
    };
    let claims: Vec<_> = record
        .jobs
        .iter()
        .flat_map(|job| job.claims.iter().map(move |claim| (job, claim)))
        .collect();
    let lied = claims.iter().filter(|(job, claim)| is_lie(job, claim.claim.root)).count();
    let caught = claims
        .iter()
        .filter(|(job, claim)| is_lie(job, claim.claim.root))
        .filter(|(_, claim)| claim.outcome() == Some(ClaimOutcome::Rejected))
        .count();
    let honest = claims
        .iter()
        .filter(|(job, claim)| !is_lie(job, claim.claim.root))
        .filter(|(_, claim)| claim.outcome() == Some(ClaimOutcome::Final))
        .count();
    let wronged = claims
        .iter()
        .filter(|(job, claim)| !is_lie(job, claim.claim.root))
        .filter(|(_, claim)| claim.outcome() == Some(ClaimOutcome::Rejected))
        .count();
    assert_eq!(lied, caught, "a lie went through");
    assert_eq!(wronged, 0, "an honest claim was rejected");
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    assert_eq!(told["frauds"], lied + alarms.len());
    assert_eq!(told["frauds_caught"], lied + alarms.len());
    assert_eq!((&told["frauds_missed"], &told["false_slashes"]), (&0.into(), &0.into()));
    assert_eq!(told["honest_claims"], honest);
    assert_eq!(told["jobs"], record.jobs.len());
    assert!(record.jobs.iter().all(|job| job.phase == JobPhase::Final));
    let kinds: BTreeSet<String> = lies.iter().map(|lie| lie.kind.to_string()).collect();
    let due = lies.len().min(CheatKind::ALL.len());
    assert_eq!(kinds.len(), due, "no kind of lie comes again before every one was told: {kinds:?}");
    assert!(told["accuracy"].as_f64().unwrap() > 0.9);
}

/// `conservation`, from the immutable transfers alone, and tables that say the same.
fn check_money(told: &Value, record: &Record) {
    let mut ledger = Ledger::default();
    for transfer in &record.transfers {
        ledger.post(std::slice::from_ref(transfer)).unwrap();
        assert!(ledger.is_conserved(), "{transfer:?}");
    }
    assert_eq!(told["conservation"], true);
    for (account, amount) in &record.balances {
        assert_eq!(ledger.balance(*account), *amount, "{account:?}");
    }
    // Every bond has ended: nothing is locked once all jobs are over.
    for (account, amount) in ledger.accounts() {
        if matches!(account, Account::Bond(_) | Account::Escrow(_)) {
            assert_eq!(amount, Amount::ZERO, "{account:?}");
        }
    }
}

fn check_disputes(told: &Value, record: &Record) {
    let told = told["disputes"].as_array().unwrap();
    let disputes: Vec<_> = record
        .jobs
        .iter()
        .flat_map(|job| &job.claims)
        .flat_map(|claim| claim.disputes.iter().map(move |dispute| (claim, dispute)))
        .collect();
    assert_eq!(told.len(), disputes.len());
    for (claim, dispute) in disputes {
        let id = claim.id.0.0.to_string();
        let same = told.iter().find(|told| {
            told["claim"] == id.as_str() && told["verdict"] == dispute.outcome().unwrap().name()
        });
        let same = same.unwrap_or_else(|| panic!("no word of the dispute about {id}"));
        assert_eq!(same["layers"], claim.claim.layers);
        assert_eq!(same["rounds"], dispute.rounds);
        assert_eq!(same["bytes"], dispute.bytes);
        assert_eq!(same["layer"].as_u64(), dispute.layer().map(u64::from));
    }
}

fn judge_every_case(kept: &Path, told: &Value) {
    let judged = told["disputes"].as_array().unwrap();
    let judged = judged.iter().filter(|dispute| !dispute["replay_ms"].is_null());
    let expected = judged.count();
    let mut cases = 0;
    for entry in std::fs::read_dir(kept.join("cases")).unwrap() {
        let case = entry.unwrap().path();
        let output = gainsay().arg("judge").arg(&case).arg("--json").output().unwrap();
        assert!(output.status.success(), "{}: {}", case.display(), text(&output));
        let judged: Value = serde_json::from_slice(&output.stdout).unwrap();
        let disputes = told["disputes"].as_array().unwrap();
        let same = disputes.iter().find(|dispute| {
            dispute["claim"] == judged["claim"] && dispute["verdict"] == judged["verdict"]
        });
        let same = same.unwrap_or_else(|| panic!("{judged} is not what the demo told"));
        assert_eq!(same["layer"], judged["layer"]);
        assert_eq!(same["layer_name"], judged["layer_name"]);
        cases += 1;
    }
    assert!(cases > 0 && cases == expected, "{cases} case files for {expected} judged disputes");
}
