package redoxtest

import (
	"bytes"
	"strconv"
	"strings"
)

// PatientAdmin returns a message of Redox's JSON data model PatientAdmin, event
// NewPatient, about a person who does not exist. Every call returns other bytes, because the
// IDs in it are new.
func PatientAdmin() []byte {
	return []byte(`{"Meta":{"DataModel":"PatientAdmin","EventType":"NewPatient","EventDateTime":"2026-11-24T05:31:00.000Z","Test":true,` +
		`"Source":{"ID":"7ce6f387-c33c-417d-8682-81e83628cbd9","Name":"Redox Dev Tools"},` +
		`"Destinations":[{"ID":"af394f14-b34a-464f-8d24-895f370af4c9","Name":"Redox EMR"}],` +
		`"Logs":[{"ID":"` + newUUID() + `","AttemptID":"` + newUUID() + `"}],` +
		`"Message":{"ID":5565},"Transmission":{"ID":12414},"FacilityCode":null},` +
		`"Patient":{"Identifiers":[{"ID":"0000000001","IDType":"MR"}],` +
		`"Demographics":{"FirstName":"Timothy","LastName":"Böxler","DOB":"2008-01-06","Sex":"Male",` +
		`"Address":{"StreetAddress":"4762 Hickory Street","City":"Monroe","State":"WI","ZIP":"53566","Country":"US"}},` +
		`"Notes":[]}}`)
}

// FHIRBundle returns a FHIR R4 Bundle of type message, about a person who does not exist.
// Every call returns other bytes, because the IDs in it are new.
func FHIRBundle() []byte {
	return []byte(`{"resourceType":"Bundle","type":"message","timestamp":"2026-11-24T05:31:00Z","entry":[` +
		`{"fullUrl":"urn:uuid:` + newUUID() + `","resource":{"resourceType":"MessageHeader",` +
		`"eventUri":"https://fhir.redoxengine.com/EventDefinition/PatientCreate",` +
		`"source":{"name":"Redox Dev Tools","endpoint":"urn:redox:source"},"destination":[{"name":"Redox EMR","endpoint":"urn:redox:destination"}]}},` +
		`{"fullUrl":"urn:uuid:` + newUUID() + `","resource":{"resourceType":"Patient",` +
		`"identifier":[{"system":"urn:redox:mr","value":"0000000001"}],"name":[{"family":"Böxler","given":["Timothy"]}],` +
		`"gender":"male","birthDate":"2008-01-06"}}]}`)
}

// HL7v2 returns an HL7 version 2 message ADT^A28 about a person who does not exist.
// Carriage returns end the segments. Every call returns other bytes, because the ID in it is
// new.
func HL7v2() []byte {
	return []byte(strings.Join([]string{
		`MSH|^~\&|REDOX|DEVTOOLS|EMR|REDOX|20261124053100||ADT^A28|` + newUUID() + `|T|2.5.1`,
		`EVN|A28|20261124053100`,
		`PID|1||0000000001^^^^MR||Boxler^Timothy||20080106|M|||4762 Hickory Street^^Monroe^WI^53566^US`,
		``,
	}, "\r"))
}

// CDSHooks returns a request to a CDS service, of the hook patient-view ([CDS Hooks]), about
// a person who does not exist. Redox has a data model CDSHooks, and does not document whether
// it sends anything beside the standard's members. Every call returns other bytes, because
// the hookInstance in it is new.
//
// [CDS Hooks]: https://cds-hooks.hl7.org/2.0/#calling-a-cds-service
func CDSHooks() []byte {
	return []byte(`{"hook":"patient-view","hookInstance":"` + newUUID() + `","fhirServer":"https://fhir.example.com/r4",` +
		`"context":{"userId":"Practitioner/1","patientId":"0000000001","encounterId":"2"},` +
		`"prefetch":{"patient":{"resourceType":"Patient","id":"0000000001",` +
		`"name":[{"family":"Böxler","given":["Timothy"]}],"gender":"male","birthDate":"2008-01-06"}}}`)
}

// Large returns a message of Redox's JSON data model Media of exactly size bytes, at
// least 1 KiB. Redox's own limit is 40 MB. Large(40 << 20) is the largest message that
// package redoxauth accepts by default.
func Large(size int) []byte {
	const head, tail = `{"Meta":{"DataModel":"Media","EventType":"New","Test":true,"Message":{"ID":5566}},"Media":{"FileType":"PDF","FileContents":"`, `"}}`
	if size < 1<<10 {
		panic("redoxtest: Large: " + strconv.Itoa(size) + " bytes are less than 1 KiB")
	}
	message := bytes.Repeat([]byte("A"), size)
	copy(message, head)
	copy(message[size-len(tail):], tail)
	return message
}

// contentType returns application/json for JSON, which Redox documents for its data
// models. Redox does not document what it sends with other formats.
func contentType(message []byte) string {
	if len(message) > 0 && (message[0] == '{' || message[0] == '[') {
		return "application/json"
	}
	return "text/plain"
}
