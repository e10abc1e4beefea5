//! What a service manager is told: systemd's `Type=notify`, the protocol of sd_notify(3).

/// Tells the manager that has started this process, if there is one that listens.
pub(super) fn tell(state: &str) {
    #[cfg(target_os = "linux")]
    if let Err(error) = send(state) {
        tracing::warn!(%error, state, "the service manager was not told");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = state;
}

#[cfg(target_os = "linux")]
fn send(state: &str) -> std::io::Result<()> {
    use std::os::{
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram},
        },
    };

    let Some(socket) = std::env::var_os("NOTIFY_SOCKET") else { return Ok(()) };
    let address = match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(&socket)?,
    };
    let own = UnixDatagram::unbound()?;
    // A manager that does not listen is not waited for.
    own.set_nonblocking(true)?;
    own.send_to_addr(state.as_bytes(), &address)?;
    Ok(())
}
