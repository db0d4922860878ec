// SPDX-License-Identifier: MIT

// A goroutine per connection. The copy sees a mere io.Writer: to a TCPConn it would splice, through a
// pipe that takes two more descriptors for each client.
package main

import (
	"io"
	"log"
	"net"
	"os"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go func() {
			defer conn.Close()
			io.Copy(struct{ io.Writer }{conn}, conn)
		}()
	}
}
