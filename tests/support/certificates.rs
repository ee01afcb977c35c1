//! A certificate authority of the test's own, by the `openssl` program. Included by `#[path]`.
#![allow(dead_code, reason = "each test target uses its part of the harness")]

use std::path::{Path, PathBuf};
use std::process::Command;

pub struct Authority {
    dir: tempfile::TempDir,
}

/// The files of one certificate.
pub struct Issued {
    pub cert: PathBuf,
    pub key: PathBuf,
}

impl Authority {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let key = ["-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test authority"];
        openssl(dir.path(), &[&["req", "-x509"], KEY, &key].concat());
        Self { dir }
    }

    /// Its own certificate: what those who believe it are given.
    pub fn ca(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// A certificate for these names, written as `DNS:localhost,IP:127.0.0.1`.
    pub fn issue(&self, file: &str, names: &str) -> Issued {
        let dir = self.dir.path();
        let (cert, key, request) = (format!("{file}.pem"), format!("{file}.key"), format!("{file}.csr"));
        std::fs::write(dir.join("names.cnf"), format!("subjectAltName={names}\n"))
            .expect("a file of its own");
        let request_out = ["-keyout", &key, "-out", &request, "-subj", "/CN=test"];
        openssl(dir, &[&["req"], KEY, &request_out].concat());
        let sign = ["x509", "-req", "-in", &request, "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
        openssl(dir, &[&sign[..], &["-days", "2", "-extfile", "names.cnf", "-out", &cert]].concat());
        Issued { cert: dir.join(cert), key: dir.join(key) }
    }
}

/// A new key on a curve, which takes no time to make.
const KEY: &[&str] = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

fn openssl(dir: &Path, arguments: &[&str]) {
    let output = Command::new("openssl").args(arguments).current_dir(dir).output().expect("openssl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
