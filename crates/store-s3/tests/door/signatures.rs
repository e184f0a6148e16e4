//! Who is let in.

use crate::client::{KEY, OTHERS, Request};
use crate::fake::tuning;
use crate::open::{at_a_door, get, now, put, seconds_ago};

#[test]
fn only_what_is_signed_with_a_key_of_the_file_is_answered() {
    at_a_door(tuning(), async |door| {
        door.done(put("/bucket", "")).await;
        let send = async |request: Request| request.send(door.address).await.said();
        let at = now();
        for (request, status, code) in [
            (put("/bucket/key", "x").header("host", "127.0.0.1"), 403, "AccessDenied"),
            (
                put("/bucket/key", "x").signed(("ANNA", "fedcba9876543210"), &at),
                403,
                "SignatureDoesNotMatch",
            ),
            (put("/bucket/key", "x").signed(("NOBODY", KEY.1), &at), 403, "InvalidAccessKeyId"),
            (put("/bucket/key", "x").signed(KEY, &seconds_ago(3_600)), 403, "RequestTimeTooSkewed"),
            (
                put("/bucket/key", "x").signed(KEY, &seconds_ago(-3_600)),
                403,
                "RequestTimeTooSkewed",
            ),
        ] {
            assert_eq!(send(request.clone()).await, (status, code.to_owned()), "{request:?}");
        }
        // What was signed is not what is sent.
        let signed = put("/bucket/key", "x").signed(KEY, &at);
        let elsewhere = Request { path: "/bucket/other".to_owned(), ..signed.clone() };
        assert_eq!(send(elsewhere).await.1, "SignatureDoesNotMatch");
        let otherwise = signed.clone().query("versionId", "null");
        assert_eq!(send(otherwise).await.1, "SignatureDoesNotMatch");
        let other = Request { body: b"y".to_vec(), ..signed.clone() };
        assert_eq!(send(other).await.1, "XAmzContentSHA256Mismatch");
        let more = signed.header("x-amz-meta-a", "1");
        assert_eq!(send(more).await, (403, "AccessDenied".to_owned()));
        assert_eq!(door.look(|fake| fake.objects()), 0);
    });
}

#[test]
fn a_url_serves_for_what_it_was_made_for_and_as_long() {
    at_a_door(tuning(), async |door| {
        door.done(put("/bucket", "")).await;
        door.done(put("/bucket/secret", "hers")).await;
        let send = async |request: Request| request.send(door.address).await.said();
        let url = || put("/bucket/key", "x").presigned(KEY, &now(), 60);
        assert_eq!(send(url()).await.0, 200);
        let read = get("/bucket/key").presigned(KEY, &now(), 60).send(door.address).await;
        assert_eq!(read.body, b"x");
        for (request, code) in [
            (get("/bucket/key").presigned(KEY, &seconds_ago(61), 60), "AccessDenied"),
            (
                get("/bucket/key").presigned(KEY, &now(), 604_801),
                "AuthorizationQueryParametersError",
            ),
            (get("/bucket/key").presigned(OTHERS, &now(), 60), "AccessDenied"),
            (Request { method: "DELETE", ..url() }, "SignatureDoesNotMatch"),
            (Request { path: "/bucket/other".into(), ..url() }, "SignatureDoesNotMatch"),
            // A URL to write would read everything.
            (url().header("x-amz-copy-source", "/bucket/secret"), "AccessDenied"),
            (url().header("x-amz-meta-a", "1"), "AccessDenied"),
            // Version 2 signs other things.
            (
                get("/bucket/key")
                    .query("AWSAccessKeyId", "ANNA")
                    .query("Signature", "0")
                    .query("Expires", "9999999999"),
                "SignatureDoesNotMatch",
            ),
        ] {
            assert_eq!(send(request.clone()).await.1, code, "{request:?}");
        }
        assert_eq!(door.done(get("/bucket/key")).await.body, b"x");
        assert_eq!(door.look(|fake| fake.objects()), 2);
    });
}
