"""What an assistant lets people set: declarations, and what a browser may send for them."""

from typing import Any

import pytest
from pydantic import ValidationError

import chatapp
from chatapp.menu import Menu, SettingsItem, read_value
from chatapp.rendering.menus import render_menu
from chatapp.sampling import SAMPLING, ModelConfig, list_controls

NUMBERS = [
    ("max_tokens", 4096, 1, 4096, 1),
    ("temperature", 0.5, 0, 2, 0.1),
    ("top_p", 1, 0, 1, 0.1),
    ("top_k", 40, 1, 100, 1),
    ("frequency_penalty", 0, -2, 2, 1),
    ("presence_penalty", 0, -2, 2, 1),
]


def make_item(**fields: Any) -> SettingsItem:
    """An item of the settings."""
    return SettingsItem.model_validate({"id": "it", **fields})


# ---- declarations


def test_an_item_is_an_action_unless_it_says_otherwise() -> None:
    item = make_item()

    assert item.model_dump() == {
        "id": "it",
        "label": "",
        "type": "action",
        "value": None,
        "options": None,
        "min": None,
        "max": None,
        "step": None,
        "help": "",
        "locked": False,
    }
    assert item.title == "It"


def test_a_range_goes_from_zero_to_one_by_tenths_and_begins_at_its_least() -> None:
    item = make_item(type="range")

    assert (item.min, item.max, item.step, item.value) == (0.0, 1.0, 0.1, 0.0)
    assert make_item(type="range", min=3, max=9).value == 3.0


def test_a_toggle_begins_off_and_a_select_with_its_first_option() -> None:
    assert make_item(type="toggle").value is False
    assert make_item(type="select", options=["a", ("b", "The other")]).value == "a"
    assert make_item(type="select", options=["a", ("b", "The other")]).choices == [("a", "a"), ("b", "The other")]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"type": "select"}, "needs options"),
        ({"type": "select", "options": []}, "needs options"),
        ({"type": "select", "options": ["a"], "value": "b"}, "not one of the choices"),
        ({"type": "toggle", "options": ["a"]}, "only a select has options"),
        ({"type": "toggle", "value": "maybe"}, "on or off"),
        ({"type": "range", "min": 2, "max": 1}, "min 2 is more than max 1"),
        ({"type": "range", "value": 7}, "between 0 and 1"),
        ({"type": "range", "step": 0}, "greater than 0"),
        ({"type": "action", "value": 1}, "has no value"),
        ({"type": "slider"}, "'action', 'toggle'"),
        ({"id": "two words"}, "must begin with a letter"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_a_declaration_that_cannot_work_is_refused(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        make_item(**fields)


def test_two_items_of_one_id_are_refused_and_so_is_one_with_the_name_of_a_number() -> None:
    class Twice(chatapp.Assistant):
        settings = [{"id": "a", "type": "toggle"}, {"id": "a"}]

    class Taken(chatapp.Assistant):
        settings = [{"id": "temperature", "type": "range"}]
        show_configuration_controls = True

    with pytest.raises(ValueError, match="two items with the id 'a'"):
        Twice()
    with pytest.raises(ValueError, match="two items with the id 'temperature'"):
        Taken()


# ---- values


@pytest.mark.parametrize(
    ("fields", "given", "value"),
    [
        ({"type": "toggle"}, "on", True),
        ({"type": "toggle"}, "off", False),
        ({"type": "toggle"}, True, True),
        ({"type": "select", "options": ["a", "b"]}, "b", "b"),
        ({"type": "range"}, "0.3", 0.3),
        ({"type": "range", "max": 5}, "4", 4.0),
        ({"type": "number", "step": 1}, "7", 7),
        ({"type": "number", "step": 1}, "", None),
        ({"type": "number", "step": 0.5}, "7", 7.0),
    ],
)
def test_each_type_gives_a_value_of_its_own_type(fields: dict[str, Any], given: Any, value: Any) -> None:
    read = read_value(make_item(**fields), given)

    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("fields", "given"),
    [
        ({"type": "toggle"}, "perhaps"),
        ({"type": "toggle"}, 2),
        ({"type": "select", "options": ["a"]}, "b"),
        ({"type": "select", "options": ["a"]}, ["a"]),
        ({"type": "range", "max": 2}, "9"),
        ({"type": "range"}, "-0.1"),
        ({"type": "range"}, ""),
        ({"type": "range"}, "nan"),
        ({"type": "range"}, "inf"),
        ({"type": "range"}, True),
        ({"type": "range"}, "1e999"),
        ({"type": "number", "step": 1}, "1.5"),
        ({"type": "number", "min": 1}, "0"),
        ({"type": "number", "max": 1}, "2"),
    ],
)
def test_what_an_item_does_not_take_is_refused(fields: dict[str, Any], given: Any) -> None:
    with pytest.raises(ValueError, match=r"This (is|must|can)"):
        read_value(make_item(**fields), given)


# ---- the six numbers


@pytest.mark.parametrize(("name", "default", "least", "greatest", "step"), NUMBERS)
def test_each_number_has_its_default_range_and_step_in_the_model_and_the_form(
    name: str, default: float, least: float, greatest: float, step: float
) -> None:
    (item,) = (item for item in list_controls({}) if item.id == name)

    assert (item.value, item.min, item.max, item.step) == (default, least, greatest, step)
    ModelConfig.model_validate({name: least})
    ModelConfig.model_validate({name: greatest})
    for beyond in (least - 1, greatest + 1):
        with pytest.raises(ValidationError):
            ModelConfig.model_validate({name: beyond})
    html = render_menu(Menu((item,), {name: item.value}))
    assert f'name="set.{name}" value="{default}" min="{least}" max="{greatest}" step="{step}"' in html


def test_each_number_has_help_that_its_control_names() -> None:
    html = render_menu(Menu(list_controls({}), {}))

    for name in SAMPLING:
        assert f'aria-describedby="chat-set-{name}-help chat-set-{name}-problem"' in html
        assert f'<small id="chat-set-{name}-help"></small>' not in html
        assert f'<small id="chat-set-{name}-help">' in html


def test_an_initial_configuration_leaves_the_others_at_their_defaults() -> None:
    class Warm(chatapp.Assistant):
        config = {"temperature": 1}
        show_configuration_controls = True

    values = {item.id: item.value for item in Warm().list_settings(None)}

    assert values == {name: 1 if name == "temperature" else default for name, default, *_ in NUMBERS}


@pytest.mark.parametrize("config", [{"temprature": 1}, {"temperature": 2.1}, {"max_tokens": 0}])
def test_an_initial_configuration_that_nobody_knows_is_an_error(config: dict[str, Any]) -> None:
    declared = config

    class Odd(chatapp.Assistant):
        config = declared

    with pytest.raises(ValidationError):
        Odd()


def test_the_numbers_begin_with_what_the_options_say() -> None:
    class Sober(chatapp.Assistant):
        options = {"temperature": 0.2, "max_tokens": 90_000, "seed": 7}
        config = {"top_p": 0.4}
        show_configuration_controls = True

    values = {item.id: item.value for item in Sober().list_settings(None)}

    assert (values["temperature"], values["max_tokens"], values["top_p"]) == (0.2, None, 0.4)


def test_nothing_is_sent_of_what_nobody_chose() -> None:
    assert ModelConfig().get_options() == {}
    assert ModelConfig(temperature=0.0, top_k=None).get_options() == {"temperature": 0.0}


# ---- the form


def test_an_assistant_without_settings_says_so() -> None:
    assert "No settings" in render_menu(Menu())


def test_what_people_read_is_escaped() -> None:
    item = make_item(type="select", label="<b>", options=[('"><i>', "<u>")], help="<s>")

    html = render_menu(Menu((item,), {"it": item.value}), {"it": "<q>"})

    assert not any(tag in html for tag in ("<b>", "<i>", "<u>", "<s>", "<q>"))


def test_a_locked_item_says_so_and_is_disabled() -> None:
    html = render_menu(Menu((make_item(type="toggle", locked=True),), {"it": True}))

    assert "Set by the site" in html
    assert html.count(" disabled") == 2


# ---- a configuration that comes from elsewhere


def test_a_configuration_of_pywry_has_its_defaults() -> None:
    config = chatapp.ChatConfig()

    assert config.model_dump() == {
        "system_prompt": None,
        "model": "gpt-4",
        "temperature": 0.7,
        "max_tokens": 4096,
        "streaming": True,
        "persist": False,
        "slash_commands": ("/clear", "/export", "/model", "/system"),
        "provider": None,
        "provider_config": {},
    }


@pytest.mark.parametrize("fields", [{"temperature": 2.1}, {"temperature": -0.1}, {"max_tokens": 0}, {"modle": "m"}])
def test_a_configuration_of_pywry_is_validated(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        chatapp.ChatConfig(**fields)


def test_a_configuration_of_pywry_becomes_attributes_of_the_assistant() -> None:
    class Desk(chatapp.Assistant):
        profile = chatapp.ChatConfig(
            system_prompt="Be brief.", model="large", temperature=0.1, streaming=False, provider="local"
        )
        model = "own"

    class Plain(chatapp.Assistant):
        profile = chatapp.ChatConfig()

    desk, plain = Desk(), Plain()

    assert (desk.instructions, desk.model, desk.provider) == ("Be brief.", "own", "local")
    assert desk.options == {"temperature": 0.1, "stream": False}
    assert (plain.instructions, plain.model, plain.provider, plain.options) == ("", "", "default", {})
