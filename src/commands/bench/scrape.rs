//! What nodes count, read from their `/metrics`.

use std::sync::Arc;

use super::api::Api;
use super::fault::Fault;
use super::run::Run;

/// One reading of one node.
pub(super) struct Scrape(String);

impl Scrape {
    /// `None`: there is no `/metrics` there, or not for us.
    pub async fn of(run: &Arc<Run>, node: usize) -> Result<Option<Self>, Fault> {
        match Api::new(run, node)?.get("/metrics").await {
            Ok(body) => Ok(Some(Self(String::from_utf8_lossy(&body).into_owned()))),
            Err(Fault::Status(..500)) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// The sum of the samples with this name whose labels have `label`; `None` if there is none.
    pub fn sum(&self, name: &str, label: &str) -> Option<f64> {
        let samples = self.0.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            let (labels, value) = match rest.strip_prefix('{') {
                Some(rest) => rest.split_once('}')?,
                None => ("", rest),
            };
            let value = value.strip_prefix(' ')?.split(' ').next()?;
            labels.contains(label).then(|| value.parse::<f64>().ok())?
        });
        samples.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_the_sum_of_its_samples() {
        let scrape = Scrape(
            "# TYPE a counter\na_total{call=\"sweep\",result=\"ok\"} 3\na_total{call=\"sweep\",result=\"no\"} 4\n\
             a_total{call=\"login\"} 5\na_totals 6\nb 2.5 1700000000\n"
                .to_owned(),
        );
        assert_eq!(scrape.sum("a_total", ""), Some(12.0));
        assert_eq!(scrape.sum("a_total", "call=\"sweep\""), Some(7.0));
        assert_eq!(scrape.sum("b", ""), Some(2.5));
        assert_eq!(scrape.sum("a_total", "call=\"x\""), None);
        assert_eq!(scrape.sum("c", ""), None);
    }
}
