//! The backend side with a gateway and with browsers, over real sockets.
//!
//! Every scenario of [`on_both_gateways`] runs twice: with the stand-in of the original gateway and
//! with our own binary. [`stage`] is the harness: write a scenario against [`stage::Stage`].

/// Makes two tests of each scenario, one a gateway; `adjusted by` changes the backend's settings.
macro_rules! on_both_gateways {
    (adjusted by $adjust:expr; $(async fn $name:ident($stage:ident: Stage) $body:block)*) => {
        $(async fn $name($stage: crate::stage::Stage) $body)*

        mod with_the_original {
            $(#[tokio::test(flavor = "multi_thread")] async fn $name() {
                super::$name(crate::stage::Stage::with_the_original($adjust).await).await;
            })*
        }

        mod with_ours {
            $(#[tokio::test(flavor = "multi_thread")] async fn $name() {
                super::$name(crate::stage::Stage::with_ours($adjust).await).await;
            })*
        }
    };
    ($($scenarios:tt)*) => {
        on_both_gateways! { adjusted by |_| {}; $($scenarios)* }
    };
}

mod load;
mod relay;
mod stage;
mod tasks;
mod trouble;
mod versions;
