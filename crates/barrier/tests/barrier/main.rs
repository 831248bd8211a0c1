//! The barrier from outside, over stores that fail, lie and dawdle.

#[cfg(test)]
mod coherence;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod entries;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod generate_root;
#[cfg(test)]
mod rekey;
#[cfg(test)]
mod replace;
#[cfg(test)]
mod rotate;
#[cfg(test)]
mod unseal;
