//! The switches: which protections a journal has, and what each is for.

machine::mechanisms! {
    /// A protective mechanism.
    pub enum Mechanism {
        DurableBound = "durable-bound": "a boot compares the files with a bound of what was durable, and refuses less"
            => "A lost file, taken for none":
            "a boot took the file that was lost for one that never was, and {value} with it",
    }
}
