// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {IDatatoken} from "../interfaces/IDatatoken.sol";

/// @title Datatoken: the clone behind each licence that is sold as tokens.
/// @dev The asset (8 bytes) and the licence (1 byte) are immutable arguments in the clone's code, so there is nothing
/// to initialise. All clones share one name, because the EIP-712 domain of `permit` lives in the implementation and
/// wallets take the domain's name to be `name()`; the symbol tells them apart.
contract Datatoken is ERC20Permit, IDatatoken {
    string private constant NAME = "AI Asset Datatoken";

    /// @inheritdoc IDatatoken
    address public immutable registry;

    modifier onlyRegistry() {
        if (msg.sender != registry) revert NotRegistry(msg.sender);
        _;
    }

    /// @dev Made by the registry in its own constructor.
    constructor() ERC20("", "") ERC20Permit(NAME) {
        registry = msg.sender;
    }

    /// @inheritdoc IDatatoken
    function mint(address account, uint256 amount) external onlyRegistry {
        _mint(account, amount);
    }

    /// @inheritdoc IDatatoken
    function burn(address account, uint256 amount) external onlyRegistry {
        _burn(account, amount);
    }

    /// @inheritdoc ERC20
    function name() public pure override returns (string memory) {
        return NAME;
    }

    /// @notice What tells it from other datatokens.
    /// @return `DT-<asset>-<licence>`.
    function symbol() public view override returns (string memory) {
        return string.concat("DT-", Strings.toString(assetId()), "-", Strings.toString(licence()));
    }

    /// @inheritdoc IDatatoken
    function assetId() public view returns (uint256) {
        return _args() >> 8;
    }

    /// @inheritdoc IDatatoken
    function licence() public view returns (uint256) {
        return _args() & 0xff;
    }

    /// @dev The asset id and the licence number in the low 72 bits.
    function _args() private view returns (uint256) {
        return uint72(bytes9(Clones.fetchCloneArgs(address(this))));
    }
}
