// Reads files that are bodies with the boundary ThisRandomString, and prints for each file a line with its name, the body
// of each part in hexadecimal, and how it ended.
//
//	go run main.go FOLDER
package main

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"mime/multipart"
	"os"
	"path/filepath"
)

func main() {
	files, err := filepath.Glob(filepath.Join(os.Args[1], "*"))
	check(err)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for _, file := range files {
		input, err := os.Open(file)
		check(err)
		fmt.Fprint(out, filepath.Base(file))
		reader := multipart.NewReader(input, "ThisRandomString")
		for {
			part, err := reader.NextRawPart()
			if err == io.EOF {
				fmt.Fprintln(out, " closed")
				break
			}
			check(err)
			body, err := io.ReadAll(part)
			check(err)
			fmt.Fprintf(out, " %x", body)
		}
		check(input.Close())
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
