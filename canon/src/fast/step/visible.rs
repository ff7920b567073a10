//! Which keys take part for the queries of a strip: as segments of keys, each with the neighbouring queries that see it.

use std::ops::Range;

use super::attention::Attention;
use super::tile::ROWS;

/// What is known of a query's keys.
#[derive(Debug, Default)]
struct Query {
    /// Where its mask starts, and how many keys it sees before the mask: neighbours often share both.
    known: Option<(usize, usize)>,
    /// The runs of keys that take part.
    runs: Vec<Range<usize>>,
}

/// The keys that take part for some queries.
#[derive(Debug, Default)]
pub(super) struct Visible {
    queries: [Query; ROWS],
    strip: Range<usize>,
    segments: Vec<Segment>,
}

/// Keys that the same neighbouring queries see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub keys: Range<usize>,
    /// Counted from the first of the strip.
    pub queries: Range<usize>,
}

impl Visible {
    /// Turns to the queries of a strip. `row_of` numbers their rows of the mask.
    pub(super) fn turn(
        &mut self,
        of: &Attention,
        mask: Option<&[u8]>,
        strip: &Range<usize>,
        row_of: impl Fn(usize) -> usize,
    ) {
        let mut same = self.strip.len() == strip.len();
        self.strip = strip.clone();
        for (query, known) in strip.clone().zip(&mut self.queries) {
            let seen = of.seen(query);
            let masked = of.mask.as_ref().zip(mask);
            let start = masked.map_or(0, |(lines, _)| lines.row(row_of(query)));
            if known.known == Some((start, seen)) {
                continue;
            }
            (known.known, same) = (Some((start, seen)), false);
            known.runs.clear();
            let Some((lines, values)) = masked else {
                known.runs.extend((seen > 0).then_some(0..seen));
                continue;
            };
            let hidden = |key: usize| values[start.wrapping_add_signed(lines.column(key))] != 0;
            let mut next = 0;
            while let Some(from) = (next..seen).find(|&key| !hidden(key)) {
                next = (from..seen).find(|&key| hidden(key)).unwrap_or(seen);
                known.runs.push(from..next);
            }
        }
        if !same {
            self.cut();
        }
    }

    /// The queries that it has turned to.
    pub(super) fn strip(&self) -> &Range<usize> {
        &self.strip
    }

    /// The runs of keys that take part for a query of the strip.
    pub(super) fn runs(&self, query: usize) -> &[Range<usize>] {
        &self.queries[query].runs
    }

    /// The keys of all queries of the strip; those of one query ascend.
    pub(super) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    fn cut(&mut self) {
        let queries = &self.queries[..self.strip.len()];
        self.segments.clear();
        let Some((first, others)) = queries.split_first() else { return };
        if others.iter().all(|other| other.runs == first.runs) {
            let all = first.runs.iter().cloned();
            self.segments.extend(all.map(|keys| Segment { keys, queries: 0..queries.len() }));
            return;
        }
        let mut cuts: Vec<usize> = queries
            .iter()
            .flat_map(|query| query.runs.iter().flat_map(|run| [run.start, run.end]))
            .collect();
        cuts.sort_unstable();
        cuts.dedup();
        // Per query the run that the cut may lie in.
        let mut at = [0; ROWS];
        for cut in cuts.windows(2) {
            let mut sees = [false; ROWS];
            for ((query, at), sees) in queries.iter().zip(&mut at).zip(&mut sees) {
                while query.runs.get(*at).is_some_and(|run| run.end <= cut[0]) {
                    *at += 1;
                }
                *sees = query.runs.get(*at).is_some_and(|run| run.start <= cut[0]);
            }
            let mut from = 0;
            while let Some(start) = (from..queries.len()).find(|&query| sees[query]) {
                let unseen = (start..queries.len()).find(|&query| !sees[query]);
                from = unseen.unwrap_or(queries.len());
                let (keys, queries) = (cut[0]..cut[1], start..from);
                self.segments.push(Segment { keys, queries });
            }
        }
    }
}
