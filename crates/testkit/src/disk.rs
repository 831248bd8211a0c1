//! A disk in memory that loses power, runs full and fails to sync: what `RedbStore` must survive.

use redb::StorageBackend;
use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use strongroom_storage::{Medium, OpenError};

/// What a disk writes as a whole.
const SECTOR: usize = 512;

/// What a file system gives out as a whole.
const BLOCK: usize = 4096;

const EIO: i32 = 5;
const ENOSPC: i32 = 28;

/// What a failed sync does to the writes that it was to make durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailedSync {
    /// They stay dirty; a later sync writes them.
    Kept,
    /// They count as clean without having been written, as Linux does it: reads show them until the
    /// cache is dropped, and no later sync writes them.
    Lost,
    /// Some reached the disk, the others are lost; chosen by the seed.
    Scattered(u64),
}

/// The disk. Clones are the same disk.
#[derive(Debug, Clone)]
pub struct FaultyDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    files: HashMap<u64, Image>,
    names: u64,
    main: Option<u64>,
    staged: Option<u64>,
    /// What `main` was before a rename that is not durable yet.
    before_rename: Option<Option<u64>>,
    operations: u64,
    syncs: u64,
    lies: u64,
    power_off_at: Option<u64>,
    off: bool,
    capacity: Option<usize>,
    failing_syncs: Option<FailedSync>,
    /// How many syncs go well before one fails.
    failing_sync: Option<(usize, FailedSync)>,
    failing_folder_syncs: bool,
    failing_reads: bool,
    failing_writes: bool,
}

#[derive(Debug, Clone, Default)]
struct Image {
    durable: Vec<u8>,
    current: Vec<u8>,
    pending: Vec<Change>,
    blocks: HashSet<usize>,
    /// Sectors that reads show and no sync will ever write.
    lost: HashSet<usize>,
}

/// A change that is lost or kept as a whole when the power fails.
#[derive(Debug, Clone)]
enum Change {
    Sector { offset: usize, data: Vec<u8> },
    Length(usize),
}

impl FaultyDisk {
    /// An empty disk without faults.
    pub fn new() -> Self {
        Self { state: Arc::default() }
    }

    /// How many writes, changes of length, syncs and renames there were.
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// How many syncs of files there were.
    pub fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// How many reads were answered with what a failed sync had lost.
    pub fn lies(&self) -> u64 {
        self.state().lies
    }

    /// Cuts the power at the operation of that number: it and all later ones fail.
    pub fn power_off_at(&self, operation: u64) {
        self.state().power_off_at = Some(operation);
    }

    /// Whether the power was cut.
    pub fn is_off(&self) -> bool {
        self.state().off
    }

    /// How many single changes wait for a sync; each of them may or may not survive.
    pub fn unsynced(&self) -> usize {
        let state = self.state();
        let changes: usize = state.files.values().map(|image| image.pending.len()).sum();
        changes + usize::from(state.before_rename.is_some())
    }

    /// The disk as it is after power came back, with those unsynced changes that `survives` picks by
    /// their number. Faults are gone; this disk stays as it is.
    pub fn restart(&self, mut survives: impl FnMut(usize) -> bool) -> Self {
        let state = self.state();
        let (mut number, mut files) = (0, HashMap::new());
        let mut names: Vec<_> = state.files.keys().copied().collect();
        names.sort_unstable();
        for name in names {
            let Some(image) = state.files.get(&name) else { continue };
            let mut durable = image.durable.clone();
            for change in &image.pending {
                if survives(number) {
                    change.apply(&mut durable);
                }
                number += 1;
            }
            files.insert(name, Image::on_disk(durable));
        }
        let main = match state.before_rename {
            Some(before) if !survives(number) => before,
            _ => state.main,
        };
        let restarted = State { files, names: state.names, main, staged: state.staged, ..State::default() };
        Self { state: Arc::new(Mutex::new(restarted)) }
    }

    /// From now on nothing can be written that needs more space than is taken already.
    pub fn fill_up(&self) {
        let mut state = self.state();
        state.capacity = Some(state.used());
    }

    /// Gives the space back.
    pub fn make_room(&self) {
        self.state().capacity = None;
    }

    /// Whether syncs fail, and how.
    pub fn fail_syncs(&self, how: Option<FailedSync>) {
        self.state().failing_syncs = how;
    }

    /// Lets one sync fail after `good` ones.
    pub fn fail_sync_after(&self, good: usize, how: FailedSync) {
        self.state().failing_sync = Some((good, how));
    }

    /// Whether syncs of the folder fail, after a rename.
    pub fn fail_folder_syncs(&self, fail: bool) {
        self.state().failing_folder_syncs = fail;
    }

    /// Whether reads fail.
    pub fn fail_reads(&self, fail: bool) {
        self.state().failing_reads = fail;
    }

    /// Whether writes fail.
    pub fn fail_writes(&self, fail: bool) {
        self.state().failing_writes = fail;
    }

    /// The bytes of the database file.
    pub fn image(&self) -> Vec<u8> {
        let state = self.state();
        state
            .main
            .and_then(|main| state.files.get(&main))
            .map(|image| image.current.clone())
            .unwrap_or_default()
    }

    /// A disk whose database file has these bytes.
    pub fn holding(image: Vec<u8>) -> Self {
        let files = HashMap::from([(0, Image::on_disk(image))]);
        let state = State { files, names: 1, main: Some(0), ..State::default() };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn backend(&self, name: u64) -> Box<dyn StorageBackend> {
        Box::new(DiskFile { disk: self.clone(), name })
    }
}

impl Default for FaultyDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl Medium for FaultyDisk {
    fn open(&self) -> Result<Option<Box<dyn StorageBackend>>, OpenError> {
        let mut state = self.state();
        let Some(main) = state.main else {
            return Ok(None);
        };
        if state.before_rename.is_some() {
            state.sync_folder().map_err(|e| OpenError::Unavailable(e.to_string()))?;
        }
        drop(state);
        Ok(Some(self.backend(main)))
    }

    fn forget_cached(&self) -> io::Result<()> {
        let mut state = self.state();
        for image in state.files.values_mut() {
            image.lost.clear();
            image.current = image.durable.clone();
            for change in &image.pending {
                change.apply(&mut image.current);
            }
        }
        Ok(())
    }

    fn stage(&self) -> io::Result<Box<dyn StorageBackend>> {
        self.discard();
        let mut state = self.state();
        let name = state.names;
        state.names += 1;
        state.files.insert(name, Image::default());
        state.staged = Some(name);
        drop(state);
        Ok(self.backend(name))
    }

    fn promote(&self) -> io::Result<()> {
        let mut state = self.state();
        state.tick()?;
        let staged = state.staged.take().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        state.before_rename = Some(state.main);
        state.main = Some(staged);
        state.sync_folder()
    }

    fn discard(&self) {
        let mut state = self.state();
        if let Some(staged) = state.staged.take() {
            state.files.remove(&staged);
        }
    }
}

impl State {
    fn tick(&mut self) -> io::Result<()> {
        self.operations += 1;
        self.off |= self.power_off_at.is_some_and(|at| self.operations >= at);
        if self.off { Err(io::Error::other("the power is off")) } else { Ok(()) }
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        self.tick()?;
        if self.failing_folder_syncs {
            return Err(io::Error::from_raw_os_error(EIO));
        }
        if let Some(Some(before)) = self.before_rename.take() {
            self.files.remove(&before);
        }
        Ok(())
    }

    fn used(&self) -> usize {
        self.files.values().map(|image| image.blocks.len()).sum()
    }

    fn image(&mut self, name: u64) -> io::Result<&mut Image> {
        self.files.get_mut(&name).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    /// How many of these bytes there is space for.
    fn room(&mut self, name: u64, offset: usize, length: usize) -> io::Result<usize> {
        let mut left = self.capacity.map_or(usize::MAX, |capacity| capacity.saturating_sub(self.used()));
        let image = self.image(name)?;
        for block in offset / BLOCK..(offset + length).div_ceil(BLOCK) {
            if image.blocks.contains(&block) {
                continue;
            }
            if left == 0 {
                return Ok((block * BLOCK).saturating_sub(offset));
            }
            left -= 1;
            image.blocks.insert(block);
        }
        Ok(length)
    }
}

impl Image {
    fn on_disk(bytes: Vec<u8>) -> Self {
        let blocks = (0..bytes.len().div_ceil(BLOCK)).collect();
        Self { current: bytes.clone(), durable: bytes, blocks, ..Self::default() }
    }

    fn write(&mut self, offset: usize, data: &[u8]) {
        let mut done = 0;
        while let Some(rest) = data.get(done..).filter(|rest| !rest.is_empty()) {
            let at = offset + done;
            let length = rest.len().min(SECTOR - at % SECTOR);
            let change = Change::Sector { offset: at, data: rest.iter().take(length).copied().collect() };
            change.apply(&mut self.current);
            self.pending.push(change);
            self.lost.remove(&(at / SECTOR));
            done += length;
        }
    }

    fn sync(&mut self, failing: Option<FailedSync>) -> io::Result<()> {
        let mut coin = match failing {
            Some(FailedSync::Kept) => return Err(io::Error::from_raw_os_error(EIO)),
            Some(FailedSync::Scattered(seed)) => Coin(seed | 1),
            Some(FailedSync::Lost) | None => Coin(0),
        };
        for change in self.pending.drain(..) {
            if failing.is_none() || coin.toss() {
                change.apply(&mut self.durable);
            } else if let Change::Sector { offset, .. } = change {
                self.lost.insert(offset / SECTOR);
            }
        }
        if failing.is_none() { Ok(()) } else { Err(io::Error::from_raw_os_error(EIO)) }
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Length(length) => bytes.resize(*length, 0),
            Self::Sector { offset, data } => {
                let end = offset + data.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                if let Some(place) = bytes.get_mut(*offset..end) {
                    place.copy_from_slice(data);
                }
            }
        }
    }
}

/// A repeatable coin; one of seed 0 never shows heads.
#[derive(Debug, Clone)]
pub struct Coin(pub u64);

impl Coin {
    /// Tosses it.
    pub fn toss(&mut self) -> bool {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.count_ones() % 2 == 1
    }
}

#[derive(Debug)]
struct DiskFile {
    disk: FaultyDisk,
    name: u64,
}

impl StorageBackend for DiskFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.state().image(self.name)?.current.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut state = self.disk.state();
        if state.off || state.failing_reads {
            return Err(io::Error::from_raw_os_error(EIO));
        }
        let from = place(offset)?;
        let image = state.image(self.name)?;
        let lie =
            (from / SECTOR..(from + out.len()).div_ceil(SECTOR)).any(|sector| image.lost.contains(&sector));
        state.lies += u64::from(lie);
        let found = state.image(self.name)?.current.get(from..from + out.len());
        out.copy_from_slice(found.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        let power = state.tick();
        let length = place(len)?;
        let image = state.image(self.name)?;
        image.blocks.retain(|block| block * BLOCK < length);
        image.current.resize(length, 0);
        image.pending.push(Change::Length(length));
        power
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        state.tick()?;
        state.syncs += 1;
        let failing = state.failing_syncs.or_else(|| match state.failing_sync.take()? {
            (0, how) => Some(how),
            (good, how) => {
                state.failing_sync = Some((good - 1, how));
                None
            }
        });
        state.image(self.name)?.sync(failing)
    }

    /// A write that the power cut interrupts may still arrive in part.
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.disk.state();
        if state.off {
            return state.tick();
        }
        let power = state.tick();
        if state.failing_writes {
            return Err(io::Error::from_raw_os_error(EIO));
        }
        let offset = place(offset)?;
        let fits = state.room(self.name, offset, data.len())?;
        state.image(self.name)?.write(offset, data.get(..fits).unwrap_or(data));
        power?;
        if fits < data.len() { Err(io::Error::from_raw_os_error(ENOSPC)) } else { Ok(()) }
    }
}

fn place(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(io::Error::other)
}
