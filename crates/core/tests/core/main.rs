//! The core through its own interface and through the pipeline, with the harness' store and clock.

#[cfg(test)]
mod audit;
#[cfg(test)]
mod expiry;
#[cfg(test)]
mod jobs;
#[cfg(test)]
mod lender;
#[cfg(test)]
mod pipeline;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod uses;
