//! Works out when this program was built, alike for all builds of the same commit: what the builder of a
//! package says, or the time that reproducible builds agree on, or the commit's, or the release's.

use std::env;
use std::process::Command;

/// Of the version in Cargo.toml, for builds from an archive without git.
const RELEASED: &str = "2026-11-24T00:00:00Z";

fn main() {
    println!("cargo:rerun-if-env-changed=STRONGROOM_BUILD_DATE");
    println!("cargo:rerun-if-env-changed=SOURCE_DATE_EPOCH");
    if env::var("PROFILE").is_ok_and(|profile| profile == "release")
        && let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"])
    {
        // Builds for development need not be made anew after every commit.
        println!("cargo:rerun-if-changed={log}");
    }
    println!("cargo:rustc-env=STRONGROOM_BUILT={}", built());
}

fn built() -> String {
    let given = |name: &str| env::var(name).ok().filter(|value| !value.trim().is_empty());
    let agreed = || given("SOURCE_DATE_EPOCH")?.trim().parse().ok().map(date);
    let committed = || git(&["log", "-1", "--format=%ct"])?.parse().ok().map(date);
    given("STRONGROOM_BUILD_DATE").or_else(agreed).or_else(committed).unwrap_or_else(|| RELEASED.to_owned())
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|o| o.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// Seconds since 1970 in RFC 3339. The years of the Gregorian calendar repeat every 146097 days.
fn date(seconds: u64) -> String {
    let (days, time) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day) = (days / 146_097, days % 146_097);
    let year_of_era = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Years begin in March here, so that the leap day is their last.
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}
