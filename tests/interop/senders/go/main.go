// Sends pictures as a Go program does: net/http and multipart.Writer.
//
//	go run main.go FOLDER
//
// Prints its address. Parts have a length at /length and none at /classic.
package main

import (
	"fmt"
	"log"
	"mime/multipart"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"path/filepath"
	"strconv"
)

func main() {
	files, err := filepath.Glob(filepath.Join(os.Args[1], "*.jpg"))
	check(err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	fmt.Println(listener.Addr())
	check(http.Serve(listener, http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		writer := multipart.NewWriter(response)
		response.Header().Set("Content-Type", "multipart/x-mixed-replace; boundary="+writer.Boundary())
		for _, file := range files {
			picture, err := os.ReadFile(file)
			check(err)
			header := textproto.MIMEHeader{"Content-Type": {"image/jpeg"}}
			if request.URL.Path == "/length" {
				header.Set("Content-Length", strconv.Itoa(len(picture)))
			}
			part, err := writer.CreatePart(header)
			check(err)
			_, err = part.Write(picture)
			check(err)
			response.(http.Flusher).Flush()
		}
		check(writer.Close())
	})))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
