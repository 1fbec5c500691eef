from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class HelloRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class HelloReply(_message.Message):
    __slots__ = ("message", "version", "pod", "caller", "certificate")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    POD_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    message: str
    version: str
    pod: str
    caller: str
    certificate: str
    def __init__(self, message: _Optional[str] = ..., version: _Optional[str] = ..., pod: _Optional[str] = ..., caller: _Optional[str] = ..., certificate: _Optional[str] = ...) -> None: ...

class TallyRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class TallyReply(_message.Message):
    __slots__ = ("served",)
    SERVED_FIELD_NUMBER: _ClassVar[int]
    served: int
    def __init__(self, served: _Optional[int] = ...) -> None: ...
