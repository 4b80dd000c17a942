// Reads a stream as a Go program does, and prints the SHA-256 of each picture.
//
//	go run main.go URL PICTURES
//
// PICTURES 0 means all of them.
package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"image/jpeg"
	"io"
	"log"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"strconv"
)

func main() {
	log.SetFlags(0)
	take, err := strconv.Atoi(os.Args[2])
	check(err)
	response, err := http.Get(os.Args[1])
	check(err)
	defer response.Body.Close()
	_, parameters, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	check(err)
	reader := multipart.NewReader(response.Body, parameters["boundary"])
	for count := 0; take == 0 || count < take; count++ {
		part, err := reader.NextPart()
		if err == io.EOF {
			return
		}
		check(err)
		picture, err := io.ReadAll(part)
		check(err)
		if part.Header.Get("Content-Length") != strconv.Itoa(len(picture)) {
			log.Fatalf("%d bytes, announced as %s", len(picture), part.Header.Get("Content-Length"))
		}
		_, err = jpeg.Decode(bytes.NewReader(picture))
		check(err)
		fmt.Printf("%x\n", sha256.Sum256(picture))
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
