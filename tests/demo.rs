//! The demo, whole, and its figures computed again from the arbiter's database and the liars' journals.

#![cfg(feature = "models")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use gainsay::challenger::Alarm;
use gainsay::executor::{CheatKind, Lie};
use gainsay::player::{CanaryBook, CanaryProgress};
use gainsay::protocol::{
    Account, Amount, ClaimOutcome, ClaimState, JobPhase, JobState, Ledger, MessageId, Transfer,
    TransferKind,
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

/// Plays a demo that must succeed and keeps it in `kept`: its figures, and what it said.
fn demo(folder: &Path, flags: &[&str]) -> (Value, String) {
    let json = folder.join("out.json");
    let output = gainsay()
        .arg("demo")
        .args(flags)
        .arg("--json")
        .arg(&json)
        .arg("--keep")
        .arg(folder.join("kept"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let told = serde_json::from_str(&std::fs::read_to_string(&json).unwrap()).unwrap();
    (told, text(&output))
}

#[test]
fn the_demo_catches_every_lie_and_its_figures_are_what_database_and_journals_say() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("kept");
    let (told, _) = demo(folder.path(), &["--seed", "11"]);
    let record = tokio::runtime::Runtime::new()
        .unwrap()
        .block_on(read(&kept.join("arbiter").join("arbiter.db")));
    let (lies, alarms) = journals(&kept);
    let canaries = CanaryBook::read(&kept.join("book")).unwrap();
    check_counts(&told, &record, &lies, &alarms, &canaries);
    check_money(&told, &record);
    check_rewards(&told, &record);
    check_shams(&told, &record, &alarms);
    check_canaries(&told, &record, &canaries);
    check_disputes(&told, &record);
    judge_every_case(&kept, &told);
}

#[test]
fn the_demo_goes_on_below_layers_and_every_case_there_can_be_judged_again() {
    let folder = tempfile::tempdir().unwrap();
    let lies = ["--seed", "2", "--jobs", "16", "--cheat", "two-lies,false-alarm", "--below-layers"];
    let (told, said) = demo(folder.path(), &lies);
    let disputes = told["disputes"].as_array().unwrap();
    let judged = disputes.iter().filter(|dispute| !dispute["replay_ms"].is_null());
    let steps: Vec<&Value> = judged.map(|dispute| &dispute["step"]).collect();
    assert!(!steps.is_empty() && steps.iter().all(|step| step["step"].as_u64() > Some(0)));
    assert!(said.contains(" below it"), "{said}");
    judge_every_case(&folder.path().join("kept"), &told);
}

fn check_counts(
    told: &Value,
    record: &Record,
    lies: &[Lie],
    alarms: &[Alarm],
    canaries: &[CanaryProgress],
) {
    let is_lie = |job: &JobState, claim: &ClaimState| {
        let planted = |canary: &CanaryProgress| {
            canary.plan.job_id() == job.id && canary.plan.executor == claim.executor
        };
        lies.iter().any(|lie| lie.job == job.id.0.0 && lie.claimed_root == claim.claim.root)
            || canaries.iter().any(planted)
    };
    let claims: Vec<_> = record
        .jobs
        .iter()
        .flat_map(|job| job.claims.iter().map(move |claim| (job, claim)))
        .collect();
    let lied = claims.iter().filter(|(job, claim)| is_lie(job, claim)).count();
    let caught = claims
        .iter()
        .filter(|(job, claim)| is_lie(job, claim))
        .filter(|(_, claim)| claim.outcome() == Some(ClaimOutcome::Rejected))
        .count();
    let honest = claims
        .iter()
        .filter(|(job, claim)| !is_lie(job, claim))
        .filter(|(_, claim)| claim.outcome() == Some(ClaimOutcome::Final))
        .count();
    let wronged = claims
        .iter()
        .filter(|(job, claim)| !is_lie(job, claim))
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
        if matches!(account, Account::Bond(_) | Account::Escrow(_) | Account::Canary(_)) {
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

fn micro(pay: &Value) -> u64 {
    pay.as_array().unwrap().iter().map(|pay| pay["micro"].as_u64().unwrap()).sum()
}

fn moved(record: &Record, is: impl Fn(&Transfer) -> bool) -> u64 {
    record.transfers.iter().filter(|transfer| is(transfer)).map(|transfer| transfer.amount.0).sum()
}

/// Several challengers are on one fraud, with one root, and what each was paid is what the transfers say.
fn check_rewards(told: &Value, record: &Record) {
    let disputes = told["disputes"].as_array().unwrap();
    let claims: Vec<&ClaimState> = record.jobs.iter().flat_map(|job| &job.claims).collect();
    let mut most = 0;
    for dispute in disputes.iter().filter(|dispute| dispute["kind"] != "false-alarm") {
        let id = dispute["claim"].as_str().unwrap();
        let claim = claims.iter().find(|claim| claim.id.0.0.to_string() == id).unwrap();
        let rewarded = moved(record, |transfer| {
            transfer.debit == Account::Bond(claim.take) && transfer.kind == TransferKind::Reward
        });
        assert_eq!(micro(&dispute["rewards"]), rewarded);
        assert!(rewarded > 0, "{dispute}");
        most = most.max(dispute["challengers"].as_array().unwrap().len());
    }
    assert_eq!(told["challengers_on_one_fraud"], most);
    assert!(most >= 2, "no fraud with several challengers");
}

/// A challenger who contradicted the truth lost its whole bond, and nobody of its own got any of it.
fn check_shams(told: &Value, record: &Record, alarms: &[Alarm]) {
    let shams = told["shams"].as_array().unwrap();
    assert_eq!(shams.len(), alarms.len());
    let claims: Vec<&ClaimState> = record.jobs.iter().flat_map(|job| &job.claims).collect();
    for (sham, alarm) in shams.iter().zip(alarms) {
        assert_eq!(sham["claim"], alarm.claim.to_string());
        let claim = claims.iter().find(|claim| claim.id.0.0 == alarm.claim).unwrap();
        let revealed = |root| {
            claim.challenges.iter().find(move |challenge| {
                challenge.revealed.as_ref().is_some_and(|revealed| revealed.root == root)
            })
        };
        let bond = Account::Bond(revealed(alarm.counter_root).unwrap().id);
        let lost = moved(record, |transfer| transfer.debit == bond);
        let locked = moved(record, |transfer| transfer.credit == bond);
        assert_eq!((&sham["lost_micro"], lost), (&lost.into(), locked));
        let burned =
            |transfer: &Transfer| transfer.debit == bond && transfer.credit == Account::Burned;
        assert_eq!(sham["burned_micro"], moved(record, burned));
        assert!(moved(record, burned) * 100 >= lost * 40);
    }
}

/// Every canary was committed to before its job, caught by several and paid for.
fn check_canaries(told: &Value, record: &Record, canaries: &[CanaryProgress]) {
    let figures = told["canaries"].as_array().unwrap();
    assert_eq!(figures.len(), canaries.len());
    assert!(!figures.is_empty());
    for canary in canaries {
        let id = canary.plan.job.to_string();
        let figure = figures.iter().find(|figure| figure["job"] == id.as_str()).unwrap();
        let index = |name: &str| figure[name].as_u64().unwrap();
        assert!(index("committed_log_index") < index("admitted_log_index"));
        assert!(index("admitted_log_index") < index("revealed_log_index"));
        assert_eq!(figure["outcome"], "caught");
        assert!(index("caught_by") >= 2, "{figure}");
        let escrow = Account::Canary(canary.plan.commitment);
        let paid = moved(record, |transfer| {
            transfer.debit == escrow && transfer.kind == TransferKind::CanaryBonus
        });
        let all = moved(record, |transfer| transfer.credit == escrow);
        assert_eq!((micro(&figure["bonuses"]), index("bonus_micro")), (paid, all));
        assert!(paid > 0 && paid <= all);
        assert!(micro(&figure["rewards"]) > 0);
    }
    assert_eq!(told["kinds"]["canary"], canaries.len());
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
