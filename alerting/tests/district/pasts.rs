//! Rules that remember: each function over the past, and conditions inside conditions. Pure.

pub const PASTS: &str = r#"
[[rule]]
id = "P-WINDOW"
on = ["gas.lel", "tank.level"]
name = { zh = "窗", en = "Window" }
when = "or(rate(10), 9.0) > 2.0 || delta(15) > 30.0"
clear = "or(max(60), 0.0) - or(min(60), 0.0) < 60.0 || or(mean(60), 0.0) < 50.0 || or(stddev(90), 0.0) > 20.0 || or(median(120), 99.0) < 50.0"
severity = "blue"
action = { zh = "看", en = "Look" }

[[rule]]
id = "P-LONG"
on = ["tank.level"]
name = { zh = "长", en = "Long" }
when = "or(median(3700), 50.0) > 40.0 && count(600) >= 2.0"
clear = "value < 45.0"
severity = "blue"
action = { zh = "看", en = "Look" }

[[rule]]
id = "P-PAIR"
on = ["*"]
name = { zh = "对", en = "Pair" }
when = "rose() || gap() > 20.0 && prev() >= 50.0"
clear = "fell() || value < 0.0"
severity = "blue"
action = { zh = "看", en = "Look" }

[[rule]]
id = "P-SWITCH"
on = ["tank.level", "gas.lel"]
name = { zh = "开", en = "Switch" }
when = "since_on(\"flame\") > 30.0 && or(off_for(\"prod.run\"), 0.0) > 10.0 || or(on_for(\"dust.fan_run\"), 0.0) > 20.0"
clear = "events(\"flame\", 60) >= 2.0 || or(on_time(\"prod.run\", \"flame\"), 0.0) > 30.0"
severity = "blue"
action = { zh = "看", en = "Look" }

[[rule]]
id = "P-OVER"
on = ["gas.lel", "tank.level"]
per = "equipment"
name = { zh = "多点", en = "Several" }
when = "over(\"h\", 60) >= 2.0"
clear = "over(\"h\", 30) < 1.0"
limits = { h = 50.0 }
severity = "red"
action = { zh = "撤离", en = "Leave" }

[[rule]]
id = "P-HELD"
on = ["gas.lel", "tank.level"]
name = { zh = "持续", en = "Held" }
when = "held(value >= 46.0 && or(tag(\"prod.run\"), 1.0) > 0.5, 10)"
clear = "held(value < 46.0, 5) || held(max(60) < 50.0, 20)"
severity = "blue"
action = { zh = "看", en = "Look" }
"#;
