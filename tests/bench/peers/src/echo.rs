// SPDX-License-Identifier: MIT

//! A thread per connection, with nothing but the standard library.

use std::net::{TcpListener, TcpStream};
use std::{env, io, thread};

fn serve(client: TcpStream) -> io::Result<u64> {
    client.set_nodelay(true)?;
    io::copy(&mut &client, &mut &client)
}

fn main() -> io::Result<()> {
    let port = env::args().nth(1).expect("a port");
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    for client in listener.incoming() {
        let client = client?;
        thread::spawn(move || serve(client));
    }
    Ok(())
}
