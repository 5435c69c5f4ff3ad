"""Publishes with ThingsBoard's own client library, as a device and as a gateway, and says what it published.

    thingsboard_publisher.py DEVICE_PORT GATEWAY_PORT TS_MS

The library is used as it comes: fixed topics, no prefix, no knowledge of Davy. Ends with 0 when the broker has
confirmed everything.
"""

import sys
import time

from tb_device_mqtt import TBDeviceMqttClient, TBPublishInfo
from tb_gateway_mqtt import TBGatewayMqttClient

PATIENCE_S = 30


def connected(client):
    client.connect()
    until = time.monotonic() + PATIENCE_S
    while not client.is_connected():
        if time.monotonic() > until:
            sys.exit("not connected in time")
        time.sleep(0.05)
    return client


def confirmed(info):
    if info.get() != TBPublishInfo.TB_ERR_SUCCESS:
        sys.exit("not confirmed: %s" % info.get())


def device(port, ts):
    client = connected(TBDeviceMqttClient("127.0.0.1", port, username="token", quality_of_service=1))
    confirmed(client.send_telemetry({"T-101.level": 61.5, "F-101.flame": False, "T-102.level": "high"}))
    confirmed(client.send_telemetry({"ts": ts, "values": {"T-101.temp": 21.25, "T-102.temp": 22}}))
    batch = [{"ts": ts + 1000, "values": {"T-101.temp": 21.5}}, {"ts": ts + 2000, "values": {"T-101.temp": 21.75}}]
    confirmed(client.send_telemetry(batch))
    confirmed(client.send_attributes({"firmware": "1.2.3"}))
    client.disconnect()


def gateway(port, ts):
    client = connected(TBGatewayMqttClient("127.0.0.1", port, username="token"))
    client.gw_connect_device("T-101")
    client.gw_connect_device("Weather")
    confirmed(client.gw_send_telemetry("T-101", [
        {"ts": ts, "values": {"level": 55.5, "temp": 30}},
        {"ts": ts + 1000, "values": {"level": 55.75}},
    ]))
    # A device that Davy has no name for, with the whole name of a point as its key.
    confirmed(client.gw_send_telemetry("Weather", {"ts": ts, "values": {"T-102.level": 44.5}}))
    client.gw_disconnect_device("T-101")
    client.disconnect()


device(int(sys.argv[1]), int(sys.argv[3]))
gateway(int(sys.argv[2]), int(sys.argv[3]))
print("published")
