//! Certificates for `server -dev -dev-tls`.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The files that were written.
pub(super) struct Written {
    pub(super) authority: PathBuf,
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// Makes an authority, and a certificate of it for this machine and `names`, and writes them to `folder`.
pub(super) fn write(folder: &Path, names: &[String]) -> Result<Written, String> {
    let failed = |e: rcgen::Error| format!("cannot make a certificate: {e}");
    let mut authority = CertificateParams::new(Vec::new()).map_err(failed)?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority.distinguished_name.push(DnType::CommonName, "Strongroom development authority");
    let authority =
        CertifiedIssuer::self_signed(authority, KeyPair::generate().map_err(failed)?).map_err(failed)?;

    let mut all = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    all.extend(names.iter().cloned());
    let mut own = CertificateParams::new(all).map_err(failed)?;
    own.distinguished_name.push(DnType::CommonName, "localhost");
    let key = KeyPair::generate().map_err(failed)?;
    let own = own.signed_by(&key, &authority).map_err(failed)?;

    std::fs::create_dir_all(folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
    let written = Written {
        authority: folder.join("vault-ca.pem"),
        certificate: folder.join("vault-cert.pem"),
        key: folder.join("vault-key.pem"),
    };
    put(&written.authority, &authority.pem(), 0o644)?;
    put(&written.certificate, &own.pem(), 0o644)?;
    put(&written.key, &key.serialize_pem(), 0o600)?;
    Ok(written)
}

fn put(path: &Path, text: &str, mode: u32) -> Result<(), String> {
    let file = std::fs::OpenOptions::new().create(true).write(true).truncate(true).mode(mode).open(path);
    let put = file.and_then(|mut file| file.write_all(text.as_bytes()));
    put.map_err(|e| format!("cannot write {}: {e}", path.display()))
}
