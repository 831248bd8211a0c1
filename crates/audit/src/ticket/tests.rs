use super::*;
use std::time::Duration;

fn settle(tickets: &[Arc<Ticket>], how: fn(&Arc<Ticket>, &mut Settled)) {
    let mut settled = Settled::default();
    tickets.iter().for_each(|ticket| how(ticket, &mut settled));
    settled.wake();
}

fn pending(ticket: &Arc<Ticket>) -> Pending {
    Pending::on(Arc::clone(ticket))
}

#[tokio::test]
async fn first_success_or_last_failure_decides() {
    let ticket = Ticket::new(2);
    settle(std::slice::from_ref(&ticket), Ticket::failed);
    assert_eq!(ticket.outcome(), None);
    settle(std::slice::from_ref(&ticket), Ticket::written);
    assert_eq!(pending(&ticket).written().await, Ok(()));

    let ticket = Ticket::new(2);
    settle(std::slice::from_ref(&ticket), Ticket::written);
    settle(std::slice::from_ref(&ticket), Ticket::failed);
    assert_eq!(pending(&ticket).written().await, Ok(()));

    let ticket = Ticket::new(2);
    let waiting = tokio::spawn(pending(&ticket).written());
    tokio::task::yield_now().await;
    settle(&[ticket.clone(), ticket], Ticket::failed);
    assert_eq!(waiting.await.unwrap(), Err(AuditFailed));
    assert_eq!(Pending::idle().written().await, Ok(()));
}

/// The request that was to wake the others is dropped before it runs: they hear of it nevertheless.
#[tokio::test]
async fn whoever_leaves_wakes_the_others_first() {
    let tickets: Vec<_> = (0..5).map(|_| Ticket::new(1)).collect();
    let waiting: Vec<_> = tickets.iter().map(|ticket| tokio::spawn(pending(ticket).written())).collect();
    tokio::task::yield_now().await;
    settle(&tickets, Ticket::written);
    // The last one settled is the one that is woken.
    waiting[4].abort();
    for (at, task) in waiting.into_iter().enumerate().take(4) {
        let outcome = tokio::time::timeout(Duration::from_secs(5), task).await;
        assert_eq!(outcome.expect("it is woken").unwrap(), Ok(()), "{at}");
    }
}

/// Threads settle while requests come, wait and give up in any order; nobody is forgotten.
#[test]
fn nobody_is_forgotten_under_load() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (sender, receiver) = std::sync::mpsc::channel::<Arc<Ticket>>();
    let writer = std::thread::spawn(move || {
        while let Ok(first) = receiver.recv() {
            let batch: Vec<_> = std::iter::once(first).chain(receiver.try_iter()).collect();
            settle(&batch, Ticket::written);
        }
    });
    runtime.block_on(async {
        let tasks: Vec<_> = (0..64)
            .map(|number| {
                let sender = sender.clone();
                tokio::spawn(async move {
                    for turn in 0..500 {
                        let ticket = Ticket::new(1);
                        sender.send(Arc::clone(&ticket)).unwrap();
                        let waiting = pending(&ticket).written();
                        if (number + turn) % 7 == 0 {
                            // Gives up at its first wait.
                            tokio::select! { biased; _ = waiting => {}, () = std::future::ready(()) => {} }
                        } else {
                            assert_eq!(waiting.await, Ok(()));
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            tokio::time::timeout(Duration::from_secs(30), task).await.expect("all are woken").unwrap();
        }
    });
    drop(sender);
    writer.join().unwrap();
}
