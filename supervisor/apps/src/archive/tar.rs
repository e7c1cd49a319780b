//! The tar archive of an app (POSIX.1-2001 «pax»), one entry after the other: whatever its size, only one piece of it is
//! in memory. GNU tar, bsdtar and busybox read what this writes.

use std::io::{self, Read, Write};

const BLOCK: usize = 512;
/// What 11 octal digits hold.
const MAX_SIZE: u64 = 0o77_777_777_777;
/// What 7 octal digits hold.
const MAX_ID: u32 = 0o7_777_777;
/// A longer extended header is nothing that a file system could hold.
const MAX_EXTENDED: u64 = 1 << 20;
const XATTR: &[u8] = b"SCHILY.xattr.";

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    /// A symbolic link.
    Link,
    /// Another name of a file that came before.
    Name,
    /// A device, a pipe or whatever else tar knows.
    Other,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// From the archive's root, without a slash at either end.
    pub(super) path: Vec<u8>,
    pub(super) kind: Kind,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Of a file's content.
    pub(super) size: u64,
    /// Seconds since 1970.
    pub(super) mtime: i64,
    /// Where a link leads.
    pub(super) target: Vec<u8>,
    /// Extended attributes.
    pub(super) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Entry {
    /// A file of the archive's own.
    pub(super) fn file(path: &str, size: u64, mtime: i64) -> Self {
        let (path, target) = (path.as_bytes().to_vec(), Vec::new());
        Self { path, kind: Kind::File, mode: 0o644, uid: 0, gid: 0, size, mtime, target, xattrs: Vec::new() }
    }
}

/// Writes an entry's header; a file's content follows, then [`pad`].
pub(super) fn write_header(entry: &Entry, out: &mut dyn Write) -> io::Result<()> {
    let mut records = Vec::new();
    let mut path = entry.path.clone();
    if entry.kind == Kind::Folder {
        path.push(b'/');
    }
    let mut record = |key: &[u8], value: &[u8]| put_record(&mut records, key, value);
    if path.len() > 100 {
        record(b"path", &path);
    }
    if entry.target.len() > 100 {
        record(b"linkpath", &entry.target);
    }
    if entry.size > MAX_SIZE {
        record(b"size", entry.size.to_string().as_bytes());
    }
    for (key, id) in [(&b"uid"[..], entry.uid), (b"gid", entry.gid)] {
        if id > MAX_ID {
            record(key, id.to_string().as_bytes());
        }
    }
    if !(0..=MAX_SIZE.cast_signed()).contains(&entry.mtime) {
        record(b"mtime", entry.mtime.to_string().as_bytes());
    }
    for (name, value) in &entry.xattrs {
        record(&[XATTR, name].concat(), value);
    }
    if !records.is_empty() {
        let about = Entry { xattrs: Vec::new(), size: records.len() as u64, ..entry.clone() };
        out.write_all(&block(&about, b"orbitr-pax", b'x'))?;
        out.write_all(&records)?;
        pad(about.size, out)?;
    }
    let flag = match entry.kind {
        Kind::File | Kind::Other => b'0',
        Kind::Name => b'1',
        Kind::Link => b'2',
        Kind::Folder => b'5',
    };
    out.write_all(&block(entry, &path, flag))
}

/// Fills up the last block of a content of this size.
pub(super) fn pad(size: u64, out: &mut dyn Write) -> io::Result<()> {
    let rest = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
    io::copy(&mut io::repeat(0).take(rest), out).map(drop)
}

/// Writes what stands behind the last entry.
pub(super) fn end(out: &mut dyn Write) -> io::Result<()> {
    out.write_all(&[0; 2 * BLOCK])
}

/// `<length> <key>=<value>\n`, where the length counts itself.
fn put_record(records: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length.to_string().len() + rest != length {
        length = length.to_string().len() + rest;
    }
    records.extend_from_slice(format!("{length} ").as_bytes());
    records.extend_from_slice(&[key, b"=", value, b"\n"].concat());
}

fn block(entry: &Entry, path: &[u8], flag: u8) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    let mut put = |at: usize, longest: usize, text: &[u8]| {
        for (to, from) in header.iter_mut().skip(at).zip(text.iter().take(longest)) {
            *to = *from;
        }
    };
    put(0, 100, path);
    put(100, 7, format!("{:07o}", entry.mode & 0o7777).as_bytes());
    put(108, 7, format!("{:07o}", entry.uid.min(MAX_ID)).as_bytes());
    put(116, 7, format!("{:07o}", entry.gid.min(MAX_ID)).as_bytes());
    put(124, 11, format!("{:011o}", entry.size.min(MAX_SIZE)).as_bytes());
    put(136, 11, format!("{:011o}", entry.mtime.clamp(0, MAX_SIZE.cast_signed())).as_bytes());
    // The checksum is taken with spaces in its own place.
    put(148, 8, b"        ");
    put(156, 1, &[flag]);
    put(157, 100, &entry.target);
    put(257, 6, b"ustar\0");
    put(263, 2, b"00");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    for (to, from) in header.iter_mut().skip(148).zip(format!("{sum:06o}\0 ").bytes()) {
        *to = from;
    }
    header
}

/// Reads entries.
pub(super) struct Reader<R> {
    from: R,
    /// Of the content at hand.
    left: u64,
    padding: u64,
}

impl<R: Read> Reader<R> {
    pub(super) const fn new(from: R) -> Self {
        Self { from, left: 0, padding: 0 }
    }

    /// The next entry; what is left of the content before is passed over. None at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Entry>> {
        let mut extended = Extended::default();
        loop {
            let rest = self.left + self.padding;
            let passed = io::copy(&mut (&mut self.from).take(rest), &mut io::sink())?;
            if passed != rest {
                return Err(cut_off());
            }
            (self.left, self.padding) = (0, 0);
            let mut header = [0; BLOCK];
            self.from.read_exact(&mut header).map_err(|_| cut_off())?;
            if header.iter().all(|byte| *byte == 0) {
                return Ok(None);
            }
            let (flag, mut entry) = parse(&header)?;
            match flag {
                b'x' => extended.read(&self.small(entry.size)?)?,
                b'L' => extended.path = Some(until_nul(&self.small(entry.size)?).to_vec()),
                b'K' => extended.target = Some(until_nul(&self.small(entry.size)?).to_vec()),
                b'g' => drop(self.small(entry.size)?),
                _ => {
                    extended.put_over(&mut entry);
                    self.left = if entry.kind == Kind::File { entry.size } else { 0 };
                    self.padding = (BLOCK as u64 - self.left % BLOCK as u64) % BLOCK as u64;
                    while entry.path.last() == Some(&b'/') {
                        entry.path.pop();
                    }
                    return Ok(Some(entry));
                }
            }
        }
    }

    fn small(&mut self, size: u64) -> io::Result<Vec<u8>> {
        if size > MAX_EXTENDED {
            return Err(wrong("a header is longer than 1 MiB"));
        }
        let mut bytes = Vec::new();
        (&mut self.from).take(size).read_to_end(&mut bytes)?;
        self.padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
        if bytes.len() as u64 == size { Ok(bytes) } else { Err(cut_off()) }
    }
}

/// The content of the entry at hand.
impl<R: Read> Read for Reader<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Ok(0);
        }
        let longest = usize::try_from(self.left).unwrap_or(usize::MAX).min(to.len());
        let read = self.from.read(to.get_mut(..longest).unwrap_or_default())?;
        if read == 0 && longest > 0 {
            return Err(cut_off());
        }
        self.left -= read as u64;
        Ok(read)
    }
}

/// What extended headers say of the entry behind them.
#[derive(Default)]
struct Extended {
    path: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    size: Option<u64>,
    uid: Option<u32>,
    gid: Option<u32>,
    mtime: Option<i64>,
    xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Extended {
    fn read(&mut self, mut records: &[u8]) -> io::Result<()> {
        let odd = || wrong("an extended header is not right");
        while !records.is_empty() {
            let space = records.iter().position(|byte| *byte == b' ').ok_or_else(odd)?;
            let (length, _) = records.split_at(space);
            let length: usize = number(length).ok_or_else(odd)?;
            let record = records.get(space + 1..length).and_then(|it| it.strip_suffix(b"\n")).ok_or_else(odd)?;
            records = records.get(length..).ok_or_else(odd)?;
            let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(odd)?;
            let (key, value) = record.split_at(equals);
            let value = value.get(1..).unwrap_or_default();
            match key {
                b"path" => self.path = Some(value.to_vec()),
                b"linkpath" => self.target = Some(value.to_vec()),
                b"size" => self.size = Some(number(value).ok_or_else(odd)?),
                b"uid" => self.uid = Some(number(value).ok_or_else(odd)?),
                b"gid" => self.gid = Some(number(value).ok_or_else(odd)?),
                b"mtime" => {
                    let whole = value.split(|byte| *byte == b'.').next().unwrap_or_default();
                    self.mtime = Some(number(whole).ok_or_else(odd)?);
                }
                _ => {
                    if let Some(name) = key.strip_prefix(XATTR) {
                        self.xattrs.push((name.to_vec(), value.to_vec()));
                    }
                }
            }
        }
        Ok(())
    }

    fn put_over(self, entry: &mut Entry) {
        entry.path = self.path.unwrap_or_else(|| std::mem::take(&mut entry.path));
        entry.target = self.target.unwrap_or_else(|| std::mem::take(&mut entry.target));
        entry.size = self.size.unwrap_or(entry.size);
        entry.uid = self.uid.unwrap_or(entry.uid);
        entry.gid = self.gid.unwrap_or(entry.gid);
        entry.mtime = self.mtime.unwrap_or(entry.mtime);
        entry.xattrs = self.xattrs;
    }
}

fn parse(header: &[u8; BLOCK]) -> io::Result<(u8, Entry)> {
    let part = |at: usize, length: usize| header.get(at..at + length).unwrap_or_default();
    let said = octal(part(148, 8)).ok_or_else(|| wrong("a checksum is no number"))?;
    let bytes = header.iter().enumerate();
    let sum: u64 = bytes.map(|(at, byte)| u64::from(if (148..156).contains(&at) { b' ' } else { *byte })).sum();
    if sum != said {
        return Err(wrong("a header does not fit its checksum"));
    }
    let number =
        |at, length| octal(part(at, length)).ok_or_else(|| wrong("a header holds no number where one must be"));
    let flag = header.get(156).copied().unwrap_or_default();
    let mut path = until_nul(part(0, 100)).to_vec();
    let prefix = until_nul(part(345, 155));
    if part(257, 6) == b"ustar\0" && !prefix.is_empty() {
        path = [prefix, b"/", &path].concat();
    }
    let kind = match flag {
        b'0' | 0 | b'7' => Kind::File,
        b'1' => Kind::Name,
        b'2' => Kind::Link,
        b'5' => Kind::Folder,
        _ => Kind::Other,
    };
    let id = |at| number(at, 8).map(|id| u32::try_from(id).unwrap_or(u32::MAX));
    let entry = Entry {
        path,
        kind,
        mode: u32::try_from(number(100, 8)?).unwrap_or_default() & 0o7777,
        uid: id(108)?,
        gid: id(116)?,
        size: number(124, 12)?,
        mtime: i64::try_from(number(136, 12)?).unwrap_or_default(),
        target: until_nul(part(157, 100)).to_vec(),
        xattrs: Vec::new(),
    };
    Ok((flag, entry))
}

/// Octal digits, or GNU's binary form with the highest bit set.
fn octal(bytes: &[u8]) -> Option<u64> {
    if let Some((first, rest)) = bytes.split_first().filter(|(first, _)| **first & 0x80 != 0) {
        return rest
            .iter()
            .try_fold(u64::from(first & 0x7f), |sum, byte| sum.checked_mul(256)?.checked_add(u64::from(*byte)));
    }
    let text = std::str::from_utf8(until_nul(bytes)).ok()?.trim();
    if text.is_empty() { Some(0) } else { u64::from_str_radix(text, 8).ok() }
}

fn number<T: std::str::FromStr>(bytes: &[u8]) -> Option<T> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn cut_off() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "it ends too early")
}

fn wrong(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Vec<(Entry, Vec<u8>)> {
        let file = |path: &str, content: &[u8]| (Entry::file(path, content.len() as u64, 7), content.to_vec());
        let mut long = file(&"long/".repeat(60), b"");
        long.0.path = format!("{}end", "long/".repeat(60)).into_bytes();
        long.0.uid = 4_000_000_000;
        long.0.mtime = -5;
        long.0.xattrs = vec![(b"user.note".to_vec(), b"a\nb=c\0".to_vec())];
        let mut link = file("link", b"");
        link.0.kind = Kind::Link;
        link.0.target = b"elsewhere/".repeat(20);
        let mut folder = file("folder", b"");
        folder.0.kind = Kind::Folder;
        vec![file("a", b"x"), file("b", &[9; 1024]), long, link, folder, file("last", b"end")]
    }

    #[test]
    fn what_is_written_is_read() {
        let mut bytes = Vec::new();
        for (entry, content) in samples() {
            write_header(&entry, &mut bytes).unwrap();
            bytes.extend_from_slice(&content);
            pad(content.len() as u64, &mut bytes).unwrap();
        }
        end(&mut bytes).unwrap();
        for read_all in [true, false] {
            let mut reader = Reader::new(&*bytes);
            for (entry, content) in samples() {
                assert_eq!(reader.next().unwrap().unwrap(), entry);
                if read_all {
                    let mut read = Vec::new();
                    reader.read_to_end(&mut read).unwrap();
                    assert_eq!(read, content);
                }
            }
            assert_eq!(reader.next().unwrap(), None);
        }
        for cut in [0, 1, 511, 512, 700, 3000, bytes.len() - 1024] {
            let mut reader = Reader::new(bytes.get(..cut).unwrap());
            let ended = loop {
                match reader.next() {
                    Ok(Some(_)) => {}
                    other => break other,
                }
            };
            assert!(ended.is_err(), "cut off at {cut}");
        }
    }

    #[test]
    fn what_is_no_archive_is_refused() {
        assert!(Reader::new(&[1_u8; 4096][..]).next().is_err());
        let mut bytes = Vec::new();
        write_header(&Entry::file("a", 1, 0), &mut bytes).unwrap();
        bytes[0] = b'b';
        assert!(Reader::new(&*bytes).next().is_err());
    }
}
