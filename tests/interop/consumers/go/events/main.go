// Reads a stream with Go's mime/multipart, and prints the body of each part: go run main.go URL.
package main

import (
	"fmt"
	"io"
	"log"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
)

func main() {
	log.SetFlags(0)
	response, err := http.Get(os.Args[1])
	check(err)
	_, parameters, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	check(err)
	reader := multipart.NewReader(response.Body, parameters["boundary"])
	for {
		part, err := reader.NextPart()
		if err == io.EOF {
			fmt.Println("complete")
			return
		}
		check(err)
		body, err := io.ReadAll(part)
		check(err)
		fmt.Printf("%s\n", body)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
