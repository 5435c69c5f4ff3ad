//! The broker's end against a real broker: nothing lost, nothing acknowledged that is not durable, whatever the network
//! does. Skipped loudly where there is no mosquitto. I/O.

mod desk;
mod downlink;
mod gateways;
mod losses;
mod reach;
mod rights;
mod session;

use davy_tests::mosquitto::{Mosquitto, Settings};
use davy_tests::suite;
use std::sync::Once;

/// A broker, or a loud skip.
fn broker(settings: Settings) -> Option<Mosquitto> {
    static SAID: Once = Once::new();
    match Mosquitto::start(settings) {
        Ok(broker) => {
            SAID.call_once(|| suite::ran("mqtt", "mosquitto"));
            Some(broker)
        }
        Err(why) => {
            SAID.call_once(|| suite::skip("mqtt", "mosquitto", &why));
            None
        }
    }
}
